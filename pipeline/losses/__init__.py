"""Losses: one a file, each a function of tensors that returns a scalar."""

from pipeline.losses.avm import avm_av, avm_vv
from pipeline.losses.bce import bce
from pipeline.losses.classification import classification
from pipeline.losses.similarity import similarity

__all__ = ["avm_av", "avm_vv", "bce", "classification", "similarity"]
