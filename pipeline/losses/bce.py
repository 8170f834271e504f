"""Binary cross-entropy between masks, over the frames that have one."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def bce(logits: Tensor, masks: Tensor, labelled: Tensor) -> Tensor:
    """Mean over the pixels of labelled frames of -[y log p + (1 - y) log(1 - p)], p = sigmoid(logit).

    S4 labels frame 1 of a training clip, MS3 all five (Zhou et al., ECCV 2022).

    Args:
        logits: (B, T, H, W) float.
        masks: (B, T, H, W), 0 or 1; what unlabelled frames hold is not read.
        labelled: (B, T) bool.

    Returns:
        A scalar; 0 when no frame is labelled.
    """
    pixels = functional.binary_cross_entropy_with_logits(logits, masks.to(logits.dtype), reduction="none")
    frames = pixels.mean((2, 3)) * labelled
    return frames.sum() / labelled.sum().clamp(min=1)
