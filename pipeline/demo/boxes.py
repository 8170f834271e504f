"""Boxes as a person draws them: around the object, a few pixels off."""

from __future__ import annotations

import numpy as np

Edges = tuple[int, int, int, int]  # xmin, ymin, xmax, ymax in pixels, 1-based, inclusive: labelImg's


def tight_box(mask: np.ndarray) -> Edges:
    """Bounding box of a mask.

    Args:
        mask: (h, w) bool.

    Returns:
        xmin, ymin, xmax, ymax.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask has no box")
    return int(columns[0]) + 1, int(rows[0]) + 1, int(columns[-1]) + 1, int(rows[-1]) + 1


def drawn_box(mask: np.ndarray, rng: np.random.Generator) -> Edges:
    """A box as a person would draw it: each edge off by a pixel or so, at most 4, more often outwards."""
    height, width = mask.shape
    xmin, ymin, xmax, ymax = tight_box(mask)
    left, top, right, bottom = np.clip(np.round(rng.normal(0.5, 1.4, 4)), -3, 4).astype(int).tolist()
    xmin, ymin = max(1, min(xmin - left, width - 1)), max(1, min(ymin - top, height - 1))
    return xmin, ymin, min(width, max(xmax + right, xmin + 1)), min(height, max(ymax + bottom, ymin + 1))
