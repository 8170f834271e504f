"""Clip data: catalogue, readers, video, frames, masks, crops and pseudo-masks."""
