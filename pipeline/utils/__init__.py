"""Utilities: errors, atomic files, processes, progress bars and packed arrays."""
