"""Losses: one a file, each a function of tensors that returns a scalar."""

from pipeline.losses.avm import avm_av, avm_vv
from pipeline.losses.bce import bce
from pipeline.losses.classification import classification
from pipeline.losses.contrastive import contrastive
from pipeline.losses.known_bce import known_bce
from pipeline.losses.projection import fill, outside, projection
from pipeline.losses.similarity import similarity
from pipeline.losses.sounding import sounding, truth_of_other, truth_of_own
from pipeline.losses.trimap import trimap

__all__ = [
    "avm_av",
    "avm_vv",
    "bce",
    "classification",
    "contrastive",
    "fill",
    "known_bce",
    "outside",
    "projection",
    "similarity",
    "sounding",
    "trimap",
    "truth_of_other",
    "truth_of_own",
]
