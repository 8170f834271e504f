"""Random changes of training pictures, on the device; masks and boxes follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.config.params import Augment
from pipeline.dataset.clips import Batch
from pipeline.ops.ignore_index import IGNORE_INDEX


def augment(batch: Batch, settings: Augment, seed: int, epoch: int) -> Batch:
    """The batch with each clip mirrored, zoomed, shifted and tinted as a whole: its frames stay in step.

    Seed, epoch and clip alone decide how, so that any number of processes, and a resumed run, see the same.
    Crops are left as they are.

    Args:
        settings: what changes and how far; with all off, the batch comes back as it is.
    """
    if not (settings.flip or settings.scale or settings.colour):
        return batch
    numbers = np.stack([_numbers(seed, epoch, int(row)) for row in batch.rows.tolist()])
    # (B, 10) from -1 to 1; the copy is too small to be waited for
    draw = torch.from_numpy(numbers).float().to(batch.frames.device, non_blocking=True)
    # pictures with what was pasted change as those without
    pasted = batch.frames[:0] if batch.pasted is None else batch.pasted
    clips, n = len(batch.frames), len(pasted)
    frames = torch.cat([batch.frames, pasted]).float().movedim(-1, 2)
    masks, boxes = batch.masks, batch.boxes
    if settings.flip or settings.scale:
        mirror = torch.where(draw[:, 0] < 0, -1.0, 1.0) if settings.flip else torch.ones_like(draw[:, 0])
        zoom = 1 + settings.scale * (draw[:, 1] + 1) / 2  # from 1: nothing beyond the picture is shown
        shift = (1 - 1 / zoom).unsqueeze(1) * draw[:, 2:4]
        grid = _grid(masks.shape[-2:], mirror, zoom, shift)
        frames = _warp(frames.flatten(1, 2), torch.cat([grid, grid[:n]])).view_as(frames)
        masks = _warp_masks(masks, grid)
        boxes = None if boxes is None else _warp_boxes(boxes, mirror, zoom, shift)
        partly = (batch.other_truth, batch.outlines)
        other_truth, outlines = (None if truth is None else _warp_known(truth, grid) for truth in partly)
        laid = None if batch.laid is None else _warp_masks(batch.laid, grid)
        batch = replace(batch, other_truth=other_truth, outlines=outlines, laid=laid)
    if settings.colour:
        draw = torch.cat([draw, draw[:n]])
        gain, offset = 1 + settings.colour * draw[:, 4:7], 255 * settings.colour / 2 * draw[:, 7:10]
        frames = (frames * gain[:, None, :, None, None] + offset[:, None, :, None, None]).clamp(0, 255)
    frames = frames.movedim(2, -1)
    beside = None if batch.pasted is None else frames[clips:]
    return replace(batch, frames=frames[:clips], masks=masks, boxes=boxes, pasted=beside)


def _numbers(seed: int, epoch: int, row: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, row, 2]).uniform(-1, 1, 10)


def _grid(size: torch.Size, mirror: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """A point at x in the new picture shows what stood at (mirror x / zoom) + shift, x from -1 to 1."""
    theta = torch.zeros(len(mirror), 2, 3, device=mirror.device)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = mirror / zoom, 1 / zoom, shift
    return functional.affine_grid(theta, [len(mirror), 1, *size], align_corners=False)


def _warp(values: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(values, grid, padding_mode="border", align_corners=False)


def _warp_masks(masks: Tensor, grid: Tensor) -> Tensor:
    """Masks of the first n clips, (n, T, H, W), warped as their pictures are."""
    return (_warp(masks.float(), grid[: len(masks)]) > 0.5).to(masks.dtype)


def _warp_known(truth: Tensor, grid: Tensor) -> Tensor:
    """Masks that are partly unknown, warped; what is more than half unknown stays so."""
    shown, unknown = _warp_masks(truth == 1, grid), _warp_masks(truth == IGNORE_INDEX, grid)
    return shown.to(truth.dtype).masked_fill(unknown, IGNORE_INDEX)


def _warp_boxes(boxes: Tensor, mirror: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """Boxes (B, T, 4) as fractions, moved as the picture is and cut at its edges."""
    scale = torch.stack([mirror * zoom, zoom], 1)[:, None, None]  # the inverse of the map above
    corners = (boxes.unflatten(-1, (2, 2)) * 2 - 1 - shift[:, None, None]) * scale
    low, high = corners.amin(2), corners.amax(2)
    return ((torch.cat([low, high], -1) + 1) / 2).clamp(0, 1)
