"""Evaluation of checkpoints, predictions on videos, and scores of other systems' masks."""
