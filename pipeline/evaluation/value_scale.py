"""Scale of stored predictions: which value means probability 1, or that it cannot be known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.masks import distinct_values
from pipeline.utils.errors import PipelineError

MOST_CLASSES = 71  # of AVSBench-semantic, the background among them


def full_scale(predictions: Iterable[tuple[Path, NDArray[np.generic]]]) -> dict[np.dtype, float]:
    """The value that means probability 1, for each stored type.

    It is decided over all of a system's files together: a map whose values are all 0 or 1 may be a 0/1 mask
    or a faint probability map, which only the other files show. A type in which no file exceeds 1 is taken as
    0/1, and one of more than 8 bits whose values are all 0 or 255 as 0/255.

    Args:
        predictions: each file with its values.

    Raises:
        PipelineError: whole numbers are class indices, or of a scale that cannot be known; names the file
            with the largest and the values.
    """
    seen: dict[np.dtype, set[int]] = {}
    largest: dict[np.dtype, tuple[float, Path]] = {}
    for path, values in predictions:
        top = float(values.max(initial=0))
        if values.dtype not in largest or top > largest[values.dtype][0]:
            largest[values.dtype] = top, path
        if values.dtype.kind == "u":
            seen.setdefault(values.dtype, set()).update(distinct_values(values))
    return {
        dtype: _whole_scale(path, dtype, seen[dtype] - {0}) if dtype.kind == "u" else 1.0
        for dtype, (_, path) in largest.items()
    }


def _whole_scale(path: Path, dtype: np.dtype, values: set[int]) -> float:
    """`full_scale` of one type of whole numbers, by its values other than 0; `path` holds the largest."""
    full = int(np.iinfo(dtype).max)
    if values <= {1}:
        return 1.0
    if values in ({255}, {full}, {1, full}):
        return float(max(values))
    shown = ", ".join(map(str, sorted(values)[:8])) + (", ..." if len(values) > 8 else "")
    few = f"{path}: holds {dtype} values, which in all files together are 0, {shown}"
    if all(value < MOST_CLASSES or value == 255 for value in values):
        raise PipelineError(
            f"{few}: class indices, it seems, and not how probable the object is. "
            "Save 255 where the sounding object is, 0 elsewhere."
        )
    if len(values) == 1 or max(values) <= 255 < full:
        raise PipelineError(
            f"{few}, far from {full}, which means probability 1. Save masks as 0 and 255, probabilities as "
            f"0 to {full}."
        )
    return float(full)
