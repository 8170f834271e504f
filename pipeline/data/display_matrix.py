"""Display matrix: how players turn and mirror the pictures of a file, as phones record it."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np


def upright(frame: Any, image: np.ndarray) -> np.ndarray:
    """Turn and mirror a stored picture to what players show.

    The matrix (ISO/IEC 14496-12, 6.2.2) takes a stored point (x, y) to (ax + cy, bx + dy). Angles between
    quarter turns are rounded to the nearest.

    Args:
        frame: PyAV frame of the picture, which may carry a matrix.
        image: (height, width, 3), its pixels as stored.

    Returns:
        The picture as shown, contiguous; its sides are exchanged by a quarter turn.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return np.ascontiguousarray(image)
    a, b, _, c, d = struct.unpack("<5i", bytes(matrix)[:20])
    if abs(a) + abs(d) < abs(b) + abs(c):  # a quarter turn
        image, across, down = image.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
