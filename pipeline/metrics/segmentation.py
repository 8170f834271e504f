"""Segmentation metrics: M_J (mean IoU) and M_F (F-score), frame by frame, as AVSBench defines them.

All functions take probabilities: sigmoid of float32 logits, or a mask of 0 and 1. Results come frame by
frame, so that tables by category and confidence intervals can be made from one pass; the set's figures are
`miou`, `fscore` and `fscore_batch1`.
"""

from __future__ import annotations

import torch
from torch import Tensor

THRESHOLDS = 255
BETA2 = 0.3  # weighs precision above recall


def iou_per_frame(probability: Tensor, target: Tensor) -> Tensor:
    """Jaccard index of the mask {probability > 0.5}.

    A frame whose truth is empty scores the fraction of pixels left empty (the published rule).

    Args:
        probability: (n, H, W) float.
        target: (n, H, W), 0 or 1.

    Returns:
        (n,) float32.
    """
    predicted, truth = (probability > 0.5).flatten(1), target.flatten(1).bool()
    intersection, union = (predicted & truth).sum(1), (predicted | truth).sum(1)
    pixels = truth.shape[1]
    empty = ~truth.any(1)
    intersection = torch.where(empty, pixels - predicted.sum(1), intersection)
    union = torch.where(empty, pixels, union)
    return intersection / (union + 1e-7)


def miou(iou: Tensor) -> float:
    """M_J: mean over frames of `iou_per_frame`."""
    return iou.double().mean().item()


def fscore_curves(probability: Tensor, target: Tensor) -> Tensor:
    """F at each of 255 thresholds, for each frame:  F = (1 + b2) P R / (b2 P + R),  b2 = 0.3.

    The mask at a threshold t is {probability >= t}; the thresholds are spread evenly over 0 to 1 - 1e-10. One
    histogram of the probabilities inside and outside the truth gives all of them, exactly as a loop over the
    thresholds does.

    Args:
        probability: (n, H, W) float32, within 0 to 1.
        target: (n, H, W), 0 or 1.

    Returns:
        (n, 255) float32; NaN throughout where the frame's truth is empty: such frames do not count.
    """
    n = len(probability)
    reached = _thresholds_reached(probability.flatten().float()).view(n, -1)
    # one bin for each (frame, in truth or not, thresholds reached)
    frame = torch.arange(n, dtype=torch.int32, device=probability.device).unsqueeze(1)
    bins = (frame * 2 + target.flatten(1).bool()) * (THRESHOLDS + 1) + reached
    counts = torch.bincount(bins.flatten(), minlength=n * 2 * (THRESHOLDS + 1)).view(n, 2, THRESHOLDS + 1)
    # pixels that reach threshold i or more
    above = counts.flip(2).cumsum(2).flip(2)[:, :, 1:].float()
    hits, predicted = above[:, 1], above.sum(1)
    truth = counts[:, 1].sum(1, keepdim=True).float()
    precision, recall = hits / (predicted + 1e-20), hits / (truth + 1e-20)
    f = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
    return f.nan_to_num(0).masked_fill(truth == 0, torch.nan)


def _thresholds_reached(probability: Tensor) -> Tensor:
    """How many of the thresholds each value reaches, 0 to 255: (m,) float32 -> (m,) int32.

    The same as `torch.bucketize(probability, thresholds, right=True)`, which searches; arithmetic guesses the
    last threshold reached, to within one, and two comparisons correct it.
    """
    thresholds = torch.linspace(0, 1 - 1e-10, THRESHOLDS, device=probability.device)
    thresholds = torch.cat([thresholds, thresholds.new_tensor([torch.inf])])
    guess = (probability * (THRESHOLDS - 1)).int().clamp_(0, THRESHOLDS - 1)
    reached = guess + (probability >= thresholds.index_select(0, guess))
    return reached + (probability >= thresholds.index_select(0, guess + 1))


def fscore(curves: Tensor) -> float:
    """M_F of a whole set: F averaged over frames threshold by threshold, then the maximum.

    Args:
        curves: (n, 255) of `fscore_curves`.

    Returns:
        The figure; 0 when every truth is empty.
    """
    return curves.double().nanmean(0).nan_to_num(0).max().item()


def fscore_batch1(curves: Tensor) -> float:
    """M_F as the published script gives it at its test batch of one clip: maxima clip by clip, averaged.

    Every clip chooses its own best threshold. A clip whose truths are all empty counts as 0.

    Args:
        curves: (clips, T, 255).
    """
    return curves.double().nanmean(1).nan_to_num(0).amax(1).mean().item()
