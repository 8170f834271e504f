"""Augmentation of training pictures: flips, zooms and colour, with masks and boxes; on the device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.config.params import Augment
from pipeline.dataset.clips import Batch, BoxBatch, NegativeBatch
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.utils.random_streams import TrainingStream


def augment(batch: Batch, settings: Augment, seed: int, epoch: int) -> Batch:
    """Mirror, zoom, shift and tint each clip as a whole: its frames stay in step.

    Only seed, epoch and clip decide how, so that any number of processes, every variant and a resumed run see
    the same. Crops are left as they are.

    Args:
        batch: on any device.
        settings: what changes and how far; with all off, the batch is returned unchanged.
        seed: of the run.
        epoch: of training.
    """
    if not (settings.flip or settings.scale or settings.colour):
        return batch
    numbers = np.stack([_numbers(seed, epoch, int(row)) for row in batch.rows.tolist()])
    # (B, 10) from -1 to 1; the copy is too small to be waited for
    draw = torch.from_numpy(numbers).float().to(batch.frames.device, non_blocking=True)
    # pictures with a pasted object change as those without
    negatives = batch.negatives
    pasted = batch.frames[:0] if negatives is None or negatives.frames is None else negatives.frames
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
        boxes = None if boxes is None else _warp_box_batch(boxes, grid, mirror, zoom, shift)
        negatives = None if negatives is None else _warp_negatives(negatives, grid)
    if settings.colour:
        draw = torch.cat([draw, draw[:n]])
        gain, offset = 1 + settings.colour * draw[:, 4:7], 255 * settings.colour / 2 * draw[:, 7:10]
        frames = (frames * gain[:, None, :, None, None] + offset[:, None, :, None, None]).clamp(0, 255)
    frames = frames.movedim(2, -1)
    if negatives is not None and negatives.frames is not None:
        negatives = negatives._replace(frames=frames[clips:])
    return replace(batch, frames=frames[:clips], masks=masks, boxes=boxes, negatives=negatives)


def _numbers(seed: int, epoch: int, row: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, row, TrainingStream.AUGMENT]).uniform(-1, 1, 10)


def _grid(size: torch.Size, mirror: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """Where each pixel of the new picture is read: (mirror x / zoom) + shift, x from -1 to 1."""
    theta = torch.zeros(len(mirror), 2, 3, device=mirror.device)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = mirror / zoom, 1 / zoom, shift
    return functional.affine_grid(theta, [len(mirror), 1, *size], align_corners=False)


def _warp(values: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(values, grid, padding_mode="border", align_corners=False)


def _warp_masks(masks: Tensor, grid: Tensor) -> Tensor:
    """Masks of the first n clips, (n, T, H, W), warped as their pictures are."""
    return (_warp(masks.float(), grid[: len(masks)]) > 0.5).to(masks.dtype)


def _warp_partial(masks: Tensor, grid: Tensor) -> Tensor:
    """Masks with `IGNORE_INDEX`, warped; what is more than half unknown stays so."""
    ones, unknown = _warp_masks(masks == 1, grid), _warp_masks(masks == IGNORE_INDEX, grid)
    return ones.to(masks.dtype).masked_fill(unknown, IGNORE_INDEX)


def _warp_box_batch(batch: BoxBatch, grid: Tensor, mirror: Tensor, zoom: Tensor, shift: Tensor) -> BoxBatch:
    masks = batch.pseudo_masks
    return batch._replace(
        boxes=_warp_boxes(batch.boxes, mirror, zoom, shift),
        pseudo_masks=None if masks is None else _warp_partial(masks, grid),
    )


def _warp_negatives(batch: NegativeBatch, grid: Tensor) -> NegativeBatch:
    return batch._replace(
        pasted_mask=_warp_masks(batch.pasted_mask, grid),
        targets=None if batch.targets is None else _warp_partial(batch.targets, grid),
    )


def _warp_boxes(boxes: Tensor, mirror: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """Boxes (B, T, 4) as fractions, moved as the picture is and cut at its edges."""
    scale = torch.stack([mirror * zoom, zoom], 1)[:, None, None]  # the inverse of the map above
    corners = (boxes.unflatten(-1, (2, 2)) * 2 - 1 - shift[:, None, None]) * scale
    low, high = corners.amin(2), corners.amax(2)
    return ((torch.cat([low, high], -1) + 1) / 2).clamp(0, 1)
