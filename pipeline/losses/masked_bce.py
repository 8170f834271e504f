"""Binary cross-entropy at the pixels whose target is known."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pipeline.ops.ignore_index import IGNORE_INDEX


def masked_bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy where `targets` is not `IGNORE_INDEX`.

    A frame's sum is divided by all its pixels, known or not, so that a known pixel weighs as much as a
    pixel of a mask in `bce`. Divided by the known pixels alone, a small box would outweigh the mask.

    Args:
        logits: (n, T, H, W).
        targets: (n, T, H, W), 0, 1 or `IGNORE_INDEX`.

    Returns:
        A scalar, the mean over the frames with a known pixel; 0 where there are none.
    """
    known = targets != IGNORE_INDEX
    target = (targets == 1).to(logits.dtype)
    pixels = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    frames = (pixels * known).mean((2, 3))
    return frames.sum() / known.flatten(2).any(2).sum().clamp(min=1)
