"""Boxes drawn as masks."""

from __future__ import annotations

import torch
from torch import Tensor


def boxes_to_masks(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes (..., 4) as fractions left, top, right, bottom -> (..., height, width) float32, 1 inside.

    A pixel is inside when its centre is.
    """
    x = (torch.arange(width, device=boxes.device) + 0.5) / width
    y = (torch.arange(height, device=boxes.device) + 0.5) / height
    left, top, right, bottom = boxes[..., None].unbind(-2)
    columns, lines = (x >= left) & (x < right), (y >= top) & (y < bottom)
    return (lines[..., :, None] & columns[..., None, :]).float()
