"""Errors, atomic files, processes, progress bars and packed arrays: what every other room may use."""
