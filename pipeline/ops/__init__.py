"""Small tensor functions shared by networks, losses and data."""
