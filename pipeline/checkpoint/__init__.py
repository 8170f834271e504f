"""Checkpoints and pretrained weights: saving, loading, downloading."""
