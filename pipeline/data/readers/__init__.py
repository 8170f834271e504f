"""Readers of AVSBench-object as distributed: S4 (single sound source) and MS3 (multiple sources)."""
