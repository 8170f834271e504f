"""Binary cross-entropy between masks, over the frames that have one."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pipeline.losses.inputs import LossInputs


def bce(logits: Tensor, masks: Tensor, has_mask: Tensor) -> Tensor:
    """Mean over the pixels of frames with a mask of -[y log p + (1 - y) log(1 - p)], p = sigmoid(logit).

    S4 labels frame 1 of a training clip, MS3 all five (Zhou et al., ECCV 2022).

    Args:
        logits: (B, T, H, W) float.
        masks: (B, T, H, W), 0 or 1; values of frames without a mask are not read.
        has_mask: (B, T) bool.

    Returns:
        A scalar; 0 when no frame has a mask.
    """
    pixels = functional.binary_cross_entropy_with_logits(logits, masks.to(logits.dtype), reduction="none")
    frames = pixels.mean((2, 3)) * has_mask
    return frames.sum() / has_mask.sum().clamp(min=1)


def compute(inputs: LossInputs) -> Tensor:
    """The term of one step: a scalar."""
    assert inputs.logits is not None and inputs.masks is not None and inputs.has_mask is not None
    return bce(inputs.logits, inputs.masks, inputs.has_mask)
