"""The tri-map contrastive loss of LVS (Chen et al., CVPR 2021): localise sound without masks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.losses.inputs import LossInputs

POSITIVE, NEGATIVE = 0.65, 0.4  # thresholds of the two maps
SOFTNESS = 0.03  # width of their edges
TEMPERATURE = 0.07


def trimap(similarity: Tensor) -> Tensor:
    """Contrast sure foreground with sure background and with other clips' pictures; leave the rest undecided.

    s_ij is the cosine map of picture i under sound j. With soft maps  m+ = sigmoid((s - 0.65) / 0.03)  and
    m- = 1 - sigmoid((s - 0.4) / 0.03)  of a map s, and  <m, s> = sum(m s) / sum(m):

        P_i = <m+, s_ii> / tau      N_i = <m-, s_ii> / tau      E_ij = <m+ of s_ij, s_ij> / tau for j != i
        L = mean_i  -log [ exp P_i / (exp P_i + exp N_i + sum_j exp E_ij) ]

    Of a map whose cosines all are small m+ is next to 0 throughout, and its quotient is still a mean of the
    cosines: weights are kept as logarithms. Rounded to 0, they would leave untrained maps without a gradient.

    Args:
        similarity: (B, B, h, w), row i picture i, column j sound j; cosines.

    Returns:
        A scalar.
    """
    similarity = similarity.float()
    foreground = functional.logsigmoid((similarity - POSITIVE) / SOFTNESS)
    scores = _mean_under(foreground, similarity)  # (B, B): P on the diagonal, E beside it
    own = similarity.diagonal(dim1=0, dim2=1).movedim(-1, 0)
    background = functional.logsigmoid((NEGATIVE - own) / SOFTNESS)
    logits = torch.cat([scores, _mean_under(background, own).unsqueeze(1)], dim=1) / TEMPERATURE
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def _mean_under(log_weight: Tensor, values: Tensor) -> Tensor:
    return (log_weight.flatten(-2).softmax(-1) * values.flatten(-2)).sum(-1)


def compute(inputs: LossInputs) -> Tensor:
    """The term of one step, the mean over its frames: a scalar."""
    assert inputs.audio_cosines is not None
    return torch.stack([trimap(frame) for frame in inputs.audio_cosines]).mean()
