"""Boxes as a person draws them: about the object, a few pixels off."""

from __future__ import annotations

import numpy as np

Edges = tuple[int, int, int, int]  # xmin, ymin, xmax, ymax in pixels, 1-based, inclusive: labelImg's


def tight_box(mask: np.ndarray) -> Edges:
    """The smallest box round the true pixels of a mask (h, w); ValueError for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask has no box")
    return int(columns[0]) + 1, int(rows[0]) + 1, int(columns[-1]) + 1, int(rows[-1]) + 1


def drawn_box(mask: np.ndarray, rng: np.random.Generator) -> Edges:
    """The box a person would draw: each edge off by a pixel or so, at most 4, rather outside than inside."""
    height, width = mask.shape
    xmin, ymin, xmax, ymax = tight_box(mask)
    left, top, right, bottom = np.clip(np.round(rng.normal(0.5, 1.4, 4)), -3, 4).astype(int).tolist()
    xmin, ymin = max(1, min(xmin - left, width - 1)), max(1, min(ymin - top, height - 1))
    return xmin, ymin, min(width, max(xmax + right, xmin + 1)), min(height, max(ymax + bottom, ymin + 1))
