"""Cosine similarity between the sound of a clip and the crops of what sounds in it."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pipeline.losses.inputs import LossInputs


def similarity(crop_embedding: Tensor, audio_embedding: Tensor, has_box: Tensor) -> Tensor:
    """Mean over the crops of 1 - cos(audio, crop).

    It has no negatives: one constant embedding would satisfy it.

    Args:
        crop_embedding: (B, T, W).
        audio_embedding: (B, W), of the clip's mean audio feature.
        has_box: (B, T) bool; a frame without a box has no crop.

    Returns:
        A scalar from 0 to 2; 0 when there is no crop.
    """
    cosine = functional.cosine_similarity(crop_embedding, audio_embedding.unsqueeze(1), dim=-1)
    return ((1 - cosine) * has_box).sum() / has_box.sum().clamp(min=1)


def compute(inputs: LossInputs) -> Tensor:
    """The term of one step: a scalar."""
    assert inputs.crops is not None
    return similarity(inputs.crops.crop_embedding, inputs.crops.audio_embedding, inputs.crops.has_box)
