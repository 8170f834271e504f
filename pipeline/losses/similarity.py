"""Cosine similarity between the sound of a clip and the crops of what sounds in it."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def similarity(crop_embedding: Tensor, audio_embedding: Tensor, present: Tensor) -> Tensor:
    """Mean over the crops present of 1 - cos(audio, crop).

    It has no negatives: one constant embedding would satisfy it.

    Args:
        crop_embedding: (B, T, W).
        audio_embedding: (B, W), of the clip's mean audio feature.
        present: (B, T) bool, whether the frame has a crop.

    Returns:
        A scalar from 0 to 2; 0 when there is no crop.
    """
    cosine = functional.cosine_similarity(crop_embedding, audio_embedding.unsqueeze(1), dim=-1)
    return ((1 - cosine) * present).sum() / present.sum().clamp(min=1)
