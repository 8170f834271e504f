"""Mask images as people and datasets store them: 0/1, 0/255, 1-bit, palette, RGB or RGBA."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.utils.errors import PipelineError


def read_mask(path: Path) -> np.ndarray:
    """A binary mask: 1 where the image is not black, or, if it has a palette, where its index is not 0.

    The image must hold at most one value besides 0 (whichever it is), so that a grey edge or a map of
    probabilities is never taken for a mask. Colours count by their largest channel; transparency is ignored,
    unless it alone holds a shape, which is an error (but for a palette's, whose indices hold the shape).

    Returns: (height, width) uint8 of 0 and 1.

    Raises `PipelineError` naming the file and the values found.
    """
    image = read_image(path)
    if has_palette(path):
        image = palette_indices(path, image[..., :3])
    elif image.ndim == 3:
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


def has_palette(path: Path) -> bool:
    """Whether a file is a PNG whose pixels are indices of a palette."""
    with path.open("rb") as stream:
        head = stream.read(26)
    return head.startswith(b"\x89PNG") and head[25:] == b"\x03"  # the colour type


def palette_indices(path: Path, colours: np.ndarray) -> np.ndarray:
    """A palette PNG's indices, (height, width) uint8: OpenCV has put `colours` in their place.

    The published loaders read MS3's masks by index and S4's by colour. `PipelineError` where the two are
    opposites: index 0 shows a colour and the rest is black.
    """
    try:
        with Image.open(path) as image:
            indices = np.asarray(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise PipelineError(
            f"{path}: cannot be read as an image ({error}); fetch or make it again."
        ) from error
    if colours[indices == 0].any() and not colours[indices > 0].any():
        raise PipelineError(
            f"{path}: index 0 of its palette is not black and the rest is: either may be the object. "
            "Save it as black and white, the object white."
        )
    return indices


def _values(image: np.ndarray) -> list[int]:
    if image.dtype == np.uint8:
        return np.flatnonzero(
            np.bincount(image.ravel(), minlength=256)
        ).tolist()  # 20 times as fast as unique
    return np.unique(image).tolist()
