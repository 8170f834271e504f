"""Packed .npy arrays larger than memory: made empty, filled row by row by many processes, then mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    """Make a .npy file of zeros; it takes no space on the disk until rows are written."""
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()


def write_row(path: Path, row: int, values: np.ndarray) -> None:
    """Set one row of a .npy file; processes may write different rows at once."""
    np.load(path, mmap_mode="r+")[row] = values


def open_packed(path: Path) -> NDArray:
    """Map a packed array into memory; a missing or broken file is a `PipelineError` that names it."""
    try:
        return np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; run `dvc repro` (or `dvc pull`).") from None
    except (ValueError, EOFError) as error:  # EOFError: an empty file
        raise PipelineError(
            f"{path}: is not a NumPy array ({error}); remove it and run `dvc repro`."
        ) from error
