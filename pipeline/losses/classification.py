"""Cross-entropy of the crop classifier."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pipeline.losses.inputs import LossInputs


def classification(class_logits: Tensor, category: Tensor, has_box: Tensor) -> Tensor:
    """Mean over the crops of -log softmax(class_logits)[category].

    Args:
        class_logits: (B, T, K).
        category: (B,) int, the clip's category, 0 to K - 1.
        has_box: (B, T) bool; a frame without a box has no crop.

    Returns:
        A scalar; 0 when there is no crop.
    """
    target = category.unsqueeze(1).expand(has_box.shape)
    crops = functional.cross_entropy(class_logits.flatten(0, 1), target.flatten(), reduction="none")
    return (crops * has_box.flatten()).sum() / has_box.sum().clamp(min=1)


def compute(inputs: LossInputs) -> Tensor:
    """The term of one step: a scalar."""
    assert inputs.crops is not None
    return classification(inputs.crops.class_logits, inputs.crops.category, inputs.crops.has_box)
