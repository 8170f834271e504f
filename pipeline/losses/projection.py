"""What a box says about a mask without any mask drawn."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

EPSILON = 1e-5


def projection(logits: Tensor, box: Tensor, present: Tensor) -> Tensor:
    """The mask's shadow on each axis is the box's (the projection term of BoxInst, Tian et al., CVPR 2021).

    With p = sigmoid(logits) and b the filled box, for the maxima over columns and over rows:

        L = sum over the two axes of  1 - 2 sum(p' b') / (sum(p'^2) + sum(b'^2)),   p' = max p,  b' = max b

    Args:
        logits: (B, T, H, W).
        box: (B, T, H, W), 1 inside the box, 0 outside.
        present: (B, T) bool, whether the frame has a box.

    Returns:
        A scalar from 0 to 2, the mean over frames with a box; 0 when there is none.
    """
    probability, box = logits.sigmoid(), box.to(logits.dtype)
    frames = sum(_dice_loss(probability.amax(axis), box.amax(axis)) for axis in (2, 3))
    return (frames * present).sum() / present.sum().clamp(min=1)


def outside_box(logits: Tensor, box: Tensor, present: Tensor) -> Tensor:
    """Nothing sounds outside the box: mean over the pixels outside it of -log(1 - p).

    Arguments as for `projection`. The mean is over all outside pixels of all frames with a box; 0 when there
    are none.
    """
    pixels = (1 - box.to(logits.dtype)) * present[:, :, None, None]
    return (functional.softplus(logits) * pixels).sum() / pixels.sum().clamp(min=1)


def _dice_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    overlap = 2 * (predicted * truth).sum(-1)
    return 1 - overlap / (predicted.square().sum(-1) + truth.square().sum(-1) + EPSILON)
