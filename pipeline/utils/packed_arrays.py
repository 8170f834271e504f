"""Packed arrays: .npy files larger than memory, written row by row by many processes, then mapped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.utils.errors import PipelineError


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    """Create a .npy file of zeros; it takes no disk space until rows are written."""
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()


def write_row(path: Path, row: int, values: np.ndarray) -> None:
    """Write one row of a .npy file; processes on one or several machines may write different rows at once.

    The row is written, not mapped: a full disk is then an error instead of a killed process, and a page that
    two rows share is not overwritten.

    Args:
        path: a file that `new_array` created.
        row: number of the row.
        values: broadcast to the row's shape, and converted to the array's type.

    Raises:
        PipelineError: the disk is full or read-only.
    """
    array = np.load(path, mmap_mode="r")
    content = np.broadcast_to(values, array.shape[1:]).astype(array.dtype).tobytes()
    start = array.offset + row * len(content)
    try:
        with path.open("r+b", buffering=0) as file:
            written = 0
            while written < len(content):
                written += os.pwrite(file.fileno(), content[written:], start + written)
    except OSError as error:
        raise PipelineError(f"{path}: row {row} cannot be written ({error.strerror}).") from error


def open_packed(path: Path) -> NDArray:
    """Map a packed array into memory, read-only.

    Args:
        path: a .npy file.

    Returns:
        The array.

    Raises:
        PipelineError: the file is missing or broken.
    """
    try:
        return np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; run `dvc repro` (or `dvc pull`).") from None
    except (ValueError, EOFError) as error:  # EOFError: an empty file
        raise PipelineError(
            f"{path}: is not a NumPy array ({error}); remove it and run `dvc repro`."
        ) from error
