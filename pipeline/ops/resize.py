"""Bilinear resizing with deterministic gradients, on any device."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional


def resize(maps: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Bilinear interpolation, as `torch.nn.functional.interpolate`: (n, C, h, w) -> (n, C, *size).

    On a GPU torch's kernel adds gradients in any order, and its deterministic replacement scatters them by
    index, many times slower. There each axis is a product with a small matrix instead.
    """
    if maps.is_cpu:
        return functional.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)
    return resize_by_products(maps, size, align_corners)


def resize_by_products(maps: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """`resize` as two matrix products, on any device; the result is channels-last, as convolutions prefer."""
    n, channels, height, width = maps.shape
    down = interpolation_matrix(height, size[0], align_corners, maps.device).to(maps.dtype)
    across = interpolation_matrix(width, size[1], align_corners, maps.device).to(maps.dtype)
    lines = maps.permute(0, 2, 3, 1).reshape(n, height, width * channels)
    lines = torch.bmm(down.expand(n, -1, -1), lines).view(n * size[0], width, channels)
    pixels = torch.bmm(across.expand(len(lines), -1, -1), lines)
    return pixels.view(n, *size, channels).permute(0, 3, 1, 2)


def double(maps: Tensor, align_corners: bool) -> Tensor:
    """Bilinear upsampling by two: (n, C, h, w) -> (n, C, 2 h, 2 w)."""
    return resize(maps, (2 * maps.shape[-2], 2 * maps.shape[-1]), align_corners)


@functools.cache
def interpolation_matrix(old: int, new: int, align_corners: bool, device: torch.device) -> Tensor:
    """Weights of old positions (columns) in new ones (rows): (new, old) float32, each row sums to 1."""
    with torch.inference_mode(False):  # cached: training may use what evaluation made first
        place = torch.arange(new, dtype=torch.float64, device=device)
        if align_corners:
            place = place * ((old - 1) / max(new - 1, 1))
        else:
            place = ((place + 0.5) * (old / new) - 0.5).clamp(0, old - 1)
        known = torch.arange(old, dtype=torch.float64, device=device)
        return (1 - (place[:, None] - known).abs()).clamp(min=0).float()
