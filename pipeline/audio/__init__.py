"""Audio: log-mel spectrograms, VGGish features and negative audio."""
