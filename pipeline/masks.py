"""Mask images as people and datasets store them: 0/1, 0/255, 1-bit, palette, RGB or RGBA."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import PipelineError

UNKNOWN = 2  # in a mask that is partly known: nothing is known of this pixel


def read_mask(path: Path) -> np.ndarray:
    """A binary mask: 1 where the image is not black.

    The image must hold at most one value besides 0 (whichever it is), so that a grey edge or a map of
    probabilities is never taken for a mask. Colours count by their largest channel; transparency is ignored,
    unless it alone holds a shape, which is an error.

    Returns: (height, width) uint8 of 0 and 1.

    Raises `PipelineError` naming the file and the values found.
    """
    image = read_image(path)
    if image.ndim == 3:
        image = opaque(path, image).max(axis=2)
    values = _values(image)
    if len(values) > 2 or (len(values) == 2 and values[0] != 0):
        shown = ", ".join(str(value) for value in values[:8]) + (", ..." if len(values) > 8 else "")
        raise PipelineError(
            f"{path}: a mask holds 0 and one other value; this one holds {len(values)}: {shown}. "
            "Save it without smoothing, as 0 and 255."
        )
    return (image > 0).astype(np.uint8)


def opaque(path: Path, image: np.ndarray) -> np.ndarray:
    """The colours of `read_image`'s (height, width, 3 or 4).

    Raises `PipelineError` where the transparency, which is ignored, alone holds a shape.
    """
    colours, alpha = image[..., :3], image[..., 3:]
    if alpha.size and colours.min() == colours.max() and alpha.min() != alpha.max():
        raise PipelineError(f"{path}: the mask's shape is in its transparency; save it as black and white.")
    return colours


def resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """(height, width) uint8 -> (size, size), nearest neighbour at pixel centres."""
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)


def check_size(path: Path, mask: np.ndarray, frame: tuple[int, int], also: tuple[int, ...]) -> None:
    """Raise `PipelineError` unless the mask is of its frame's (height, width), or a square of a side in
    `also`.

    AVSBench's masks are 224 x 224 whatever the video: they are stretched as its frames are.
    """
    height, width = mask.shape
    if (height, width) != frame and not (height == width and height in also):
        squares = " or ".join(f"{side} x {side}" for side in sorted(set(also)))
        raise PipelineError(
            f"{path}: the mask is {width} x {height}, its frame {frame[1]} x {frame[0]}; it must be of the "
            f"frame's size or {squares}. Draw it anew on the frame, or resize it without smoothing."
        )


def read_image(path: Path) -> np.ndarray:
    """An image file's pixels as stored, channels in OpenCV's order. `PipelineError` names a bad file."""
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        raise PipelineError(
            f"{path}: no such file; fetch it again or take the clip out of the table."
        ) from None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error as error:  # more pixels than OpenCV reads
        raise PipelineError(f"{path}: cannot be read as an image ({error.err}); make it smaller.") from error
    if image is None:
        raise PipelineError(f"{path}: is not an image ({data.size} bytes); fetch or make it again.")
    return image


def _values(image: np.ndarray) -> list[int]:
    if image.dtype == np.uint8:
        return np.flatnonzero(
            np.bincount(image.ravel(), minlength=256)
        ).tolist()  # 20 times as fast as unique
    return np.unique(image).tolist()
