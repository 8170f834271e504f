"""What training and evaluation load: batches of clips, augmentation, negative audio."""
