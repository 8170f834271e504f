"""The command `avs`."""
