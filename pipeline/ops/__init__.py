"""Tensor operations shared by networks, losses and data."""
