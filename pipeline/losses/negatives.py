"""The mask loss under negative audio: silence, noise, or the sound of another category's clip."""

from __future__ import annotations

from torch import Tensor

from pipeline.losses.inputs import LossInputs
from pipeline.losses.masked_bce import masked_bce


def compute(inputs: LossInputs) -> Tensor:
    """`masked_bce` of the masks under negative audio: a scalar."""
    assert inputs.negatives is not None
    return masked_bce(*inputs.negatives)
