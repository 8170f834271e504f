"""Box geometry: edges, IoU, and agreement of boxes with masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pipeline.data.masks import read_mask
from pipeline.utils.errors import PipelineError


def box_of(mask: np.ndarray) -> tuple[float, float, float, float] | None:
    """Bounding box of a mask (H, W), None if it is empty.

    Returns:
        Left, top, right, bottom edges as fractions of the sides.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    height, width = mask.shape
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (..., 4): left, top, right, bottom edges; 0 for two empty ones."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.clip(sides, 0, None), axis=-1)
    areas = [np.prod(np.clip(box[..., 2:] - box[..., :2], 0, None), axis=-1) for box in (a, b)]
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared, dtype=float), where=union > 0)


def edges(corners: ArrayLike) -> np.ndarray:
    """VOC corners (..., 4), pixels from 1 and both ends inside -> left, top, right, bottom in pixels."""
    return np.asarray(corners, dtype=float) - (1, 1, 0, 0)


def relative_edges(boxes: pd.DataFrame) -> np.ndarray:
    """A box table -> (n, 4) edges as fractions of the image's sides; NaN where its size is unknown."""
    sides = boxes[["width", "height", "width", "height"]].to_numpy(float)
    corners = boxes[["xmin", "ymin", "xmax", "ymax"]].to_numpy(float)
    return np.divide(edges(corners), sides, out=np.full_like(sides, np.nan), where=sides > 0)


def mask_iou(
    boxes: pd.DataFrame, masks: dict[tuple[str, int], str]
) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
    """IoU of each box with the box of its frame's mask.

    Args:
        boxes: a box table of n rows.
        masks: (clip, frame) -> the mask's file.

    Returns:
        (n,) IoU, NaN without a mask, with an empty one, or with an unknown image size; and the problems
        (file, kind, detail) of masks that cannot be read.
    """
    result = np.full(len(boxes), np.nan)
    problems = []
    cache: dict[str, tuple[float, float, float, float] | None] = {}
    drawn = relative_edges(boxes)
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
