"""Bilinear resizing that gives the same gradients again on any device."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional


def resize(maps: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Bilinear interpolation, `torch.nn.functional.interpolate`'s: (n, C, h, w) -> (n, C, *size).

    On a GPU torch's kernel adds gradients in any order, and what it offers in its place, where algorithms are
    to be deterministic, scatters them by index, many times slower. There each axis is a product with a small
    matrix.
    """
    if maps.is_cpu:
        return functional.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)
    return resize_by_products(maps, size, align_corners)


def resize_by_products(maps: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """`resize` as two matrix products, on any device; channels-last, as convolutions like it."""
    n, channels, height, width = maps.shape
    down = interpolation_matrix(height, size[0], align_corners, maps.device).to(maps.dtype).expand(n, -1, -1)
    across = (
        interpolation_matrix(width, size[1], align_corners, maps.device)
        .to(maps.dtype)
        .expand(n * size[0], -1, -1)
    )
    lines = torch.bmm(down, maps.permute(0, 2, 3, 1).reshape(n, height, width * channels))
    pixels = torch.bmm(across, lines.view(n * size[0], width, channels))
    return pixels.view(n, *size, channels).permute(0, 3, 1, 2)


def double(maps: Tensor, align_corners: bool) -> Tensor:
    """Twice as high and wide: (n, C, h, w) -> (n, C, 2 h, 2 w)."""
    return resize(maps, (2 * maps.shape[-2], 2 * maps.shape[-1]), align_corners)


@functools.cache
def interpolation_matrix(old: int, new: int, align_corners: bool, device: torch.device) -> Tensor:
    """(new, old) float32: row i holds the old positions' weights in the new position i; they sum to 1."""
    with torch.inference_mode(False):  # what evaluation makes first, training may keep
        place = torch.arange(new, dtype=torch.float64, device=device)
        if align_corners:
            place = place * ((old - 1) / max(new - 1, 1))
        else:
            place = ((place + 0.5) * (old / new) - 0.5).clamp(0, old - 1)
        known = torch.arange(old, dtype=torch.float64, device=device)
        return (1 - (place[:, None] - known).abs()).clamp(min=0).float()
