"""Binary cross-entropy at the pixels of which something is known."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pipeline.ops.ignore_index import IGNORE_INDEX


def masked_bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy where `truth` is known, as from outlines of boxes and under another sound.

    A frame's sum is divided by all its pixels, known or not: each known pixel weighs as much as one of a
    mask in `bce`. Were it divided by the known ones, a small box would outweigh the mask, and masks that
    have not formed yet never would.

    Args:
        logits: (n, T, H, W).
        truth: (n, T, H, W), 0, 1 or `pipeline.ops.ignore_index.IGNORE_INDEX`.

    Returns:
        A scalar, the mean over the frames of which something is known; 0 where nothing is.
    """
    known = truth != IGNORE_INDEX
    target = (truth == 1).to(logits.dtype)
    pixels = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    frames = (pixels * known).mean((2, 3))
    return frames.sum() / known.flatten(2).any(2).sum().clamp(min=1)
