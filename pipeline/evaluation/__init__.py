"""Evaluation: scores of checkpoints, predictions on videos, scores of other systems' masks."""
