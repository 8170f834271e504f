"""Cross-entropy of the crop classifier."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def classification(class_logits: Tensor, category: Tensor, present: Tensor) -> Tensor:
    """Mean over the crops present of -log softmax(class_logits)[category].

    Args:
        class_logits: (B, T, K).
        category: (B,) int, the clip's category, 0 to K - 1.
        present: (B, T) bool, whether the frame has a crop.

    Returns:
        A scalar; 0 when there is no crop.
    """
    target = category.unsqueeze(1).expand(present.shape)
    crops = functional.cross_entropy(class_logits.flatten(0, 1), target.flatten(), reduction="none")
    return (crops * present.flatten()).sum() / present.sum().clamp(min=1)
