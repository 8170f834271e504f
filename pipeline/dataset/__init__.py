"""Datasets for training and evaluation: batches, augmentation, copy-paste, negative audio."""
