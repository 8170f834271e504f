"""Under another sound a clip's own object must not show."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def negatives(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy under another sound, at the pixels where it is known what that should show.

    A frame's sum is divided by all its pixels, known or not: each known pixel weighs as much as one of a
    mask in `bce`. Were it divided by the known ones, a small box would outweigh the mask, and masks that
    have not formed yet never would.

    Args:
        logits: (n, T, H, W), under the other sound.
        truth: (n, T, H, W), 0 or 1.
        known: (n, T, H, W), 1 where `truth` means something, else 0.

    Returns:
        A scalar, the mean over the frames of which something is known; 0 where nothing is.
    """
    pixels = functional.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), reduction="none")
    frames = (pixels * known).mean((2, 3))
    return frames.sum() / known.flatten(2).any(2).sum().clamp(min=1)
