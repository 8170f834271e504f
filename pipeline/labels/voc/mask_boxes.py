"""How well boxes agree with the masks that the data already have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.masks import read_mask
from pipeline.utils.errors import PipelineError


def box_of(mask: np.ndarray) -> tuple[float, float, float, float] | None:
    """(H, W) -> the edges left, top, right, bottom of what is not 0, as fractions of the sides; None if
    all is 0.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    height, width = mask.shape
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (..., 4): left, top, right, bottom edges."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.clip(sides, 0, None), axis=-1)
    areas = [np.prod(np.clip(box[..., 2:] - box[..., :2], 0, None), axis=-1) for box in (a, b)]
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared, dtype=float), where=union > 0)


def edges(boxes: pd.DataFrame) -> np.ndarray:
    """A box table -> (n, 4) left, top, right, bottom edges as fractions of the image; NaN where its size
    is unknown.
    """
    width, height = (boxes[side].to_numpy(float) for side in ("width", "height"))
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = [
            (boxes.xmin - 1) / width,
            (boxes.ymin - 1) / height,
            boxes.xmax / width,
            boxes.ymax / height,
        ]
    table = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)
    return np.where(np.isfinite(table), table, np.nan)


def mask_iou(
    boxes: pd.DataFrame, masks: dict[tuple[str, int], str]
) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
    """IoU of each box with the box of its frame's mask.

    Args:
        masks: (clip, frame) -> the mask's file.

    Returns: (n,) IoU, NaN without a mask, with an empty one, or with an unknown image size; and the problems
        (file, kind, detail) of masks that cannot be read.
    """
    result = np.full(len(boxes), np.nan)
    problems = []
    cache: dict[str, tuple[float, float, float, float] | None] = {}
    drawn = edges(boxes)
    for row, key in enumerate(zip(boxes["name"], boxes["frame"], strict=True)):
        path = masks.get(key)
        if path is None:
            continue
        if path not in cache:
            try:
                cache[path] = box_of(read_mask(Path(path)))
            except PipelineError as error:
                cache[path] = None
                problems.append((path, "bad_mask", str(error)))
        truth = cache[path]
        if truth is not None and np.isfinite(drawn[row]).all():
            result[row] = iou(drawn[row], np.array(truth))
    return result, problems
