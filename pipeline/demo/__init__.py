"""Demo data set: small real videos with sound, drawn and synthesised here, in AVSBench's layout."""

from pipeline.demo.dataset import write_demo

__all__ = ["write_demo"]
