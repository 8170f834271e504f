"""The demo data set: short real videos with sound, drawn and synthesised, in AVSBench's layout."""

from pipeline.demo.dataset import write_demo

__all__ = ["write_demo"]
