"""Packed .npy arrays larger than memory: made empty, filled row by row by many processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    """Make a .npy file of zeros; it takes no space on the disk until rows are written."""
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()


def write_row(path: Path, row: int, values: np.ndarray) -> None:
    """Set one row of a .npy file; processes may write different rows at once."""
    np.load(path, mmap_mode="r+")[row] = values
