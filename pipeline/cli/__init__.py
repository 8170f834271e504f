"""The command line interface, `avs`."""
