"""Clips, frames, masks, crops and pseudo-masks: what the data stages make."""
