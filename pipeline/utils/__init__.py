"""Utilities for every room: errors, atomic files, parallel work, progress, packed arrays, random streams."""
