"""Boxes rasterised as masks."""

from __future__ import annotations

import torch
from torch import Tensor


def boxes_to_masks(boxes: Tensor, height: int, width: int) -> Tensor:
    """Rasterise boxes; a pixel is inside when its centre is.

    Args:
        boxes: (..., 4): left, top, right, bottom as fractions of the frame.
        height: of the masks, in pixels.
        width: of the masks, in pixels.

    Returns:
        (..., height, width) float32, 1 inside.
    """
    x = (torch.arange(width, device=boxes.device) + 0.5) / width
    y = (torch.arange(height, device=boxes.device) + 0.5) / height
    left, top, right, bottom = boxes[..., None].unbind(-2)
    columns, lines = (x >= left) & (x < right), (y >= top) & (y < bottom)
    return (lines[..., :, None] & columns[..., None, :]).float()
