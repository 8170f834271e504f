"""Losses: one a file, each a function of tensors that returns a scalar."""

from pipeline.losses.avm import avm_av, avm_vv
from pipeline.losses.bce import bce
from pipeline.losses.classification import classification
from pipeline.losses.contrastive import contrastive
from pipeline.losses.gate_bce import gate_bce, other_gate_targets, own_gate_targets
from pipeline.losses.masked_bce import masked_bce
from pipeline.losses.projection import outside_box, projection
from pipeline.losses.similarity import similarity
from pipeline.losses.trimap import trimap

__all__ = [
    "avm_av",
    "avm_vv",
    "bce",
    "classification",
    "contrastive",
    "gate_bce",
    "masked_bce",
    "other_gate_targets",
    "outside_box",
    "own_gate_targets",
    "projection",
    "similarity",
    "trimap",
]
