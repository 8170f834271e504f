"""Log-mel spectrograms, VGGish features, and negative audio."""
