"""The demo world: small real videos with sound, drawn and synthesised here, in AVSBench's layout."""

from pipeline.demo.world import write_world

__all__ = ["write_world"]
