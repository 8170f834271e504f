"""Contrast of sounds and crops inside a batch: the cosine loss with negatives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def contrastive(
    crop_embedding: Tensor,
    audio_embedding: Tensor,
    present: Tensor,
    category: Tensor,
    temperature: float = 0.1,
) -> Tensor:
    """InfoNCE (van den Oord et al., 2018) both ways, over the clips of a batch that have a crop.

    With c_i the mean of clip i's unit crop embeddings, scaled to length 1, a_i its unit audio embedding, and
    s_ij = a_i . c_j / temperature:

        L = -1/2 mean_i [ log exp(s_ii) / sum_j exp(s_ij)  +  log exp(s_ii) / sum_j exp(s_ji) ]

    A clip of the same category is no negative: those pairs are left out of the sums. A constant embedding,
    which satisfies a cosine loss without negatives, scores log(1 + number of negatives) here.

    Args:
        crop_embedding: (B, T, W).
        audio_embedding: (B, W).
        present: (B, T) bool, whether the frame has a crop.
        category: (B,) int.

    Returns:
        A scalar; 0 when no clip has a crop.
    """
    units = functional.normalize(crop_embedding, dim=-1) * present.unsqueeze(-1)
    crops = functional.normalize(units.sum(1), dim=-1)
    scores = functional.normalize(audio_embedding, dim=-1) @ crops.T / temperature
    has_crop = present.any(1)
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    same = category.unsqueeze(0) == category.unsqueeze(1)
    left_out = (same | ~has_crop | ~has_crop.unsqueeze(1)) & ~own
    scores = scores.masked_fill(left_out, -torch.inf)
    each = -(scores.log_softmax(0).diagonal() + scores.log_softmax(1).diagonal()) / 2
    return (each * has_crop).sum() / has_crop.sum().clamp(min=1)
