"""Mask images as people and datasets store them: 0/1, 0/255, 1-bit, palette, RGB or RGBA."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.data.images import read_image
from pipeline.utils.errors import PipelineError


def read_mask(path: Path) -> np.ndarray:
    """Read a binary mask: 1 where the image is not black, or, for a palette image, where its index is not 0.

    The image may hold one value in addition to 0, so that a smoothed edge or a map of probabilities is never
    taken for a mask. Colours count by their largest channel. Transparency is ignored.

    Args:
        path: an image file: 0/1, 0/255, 1-bit, palette, RGB or RGBA.

    Returns:
        (height, width) uint8 of 0 and 1.

    Raises:
        PipelineError: the file is missing or is not an image, holds more than two values, or its shape is in
            its transparency alone; names the file and the values.
    """
    image = read_image(path)
    if has_palette(path):
        image = palette_indices(path, image[..., :3])
    elif image.ndim == 3:
        image = opaque(path, image).max(axis=2)
    values = distinct_values(image)
    if len(values) > 2 or (len(values) == 2 and values[0] != 0):
        shown = ", ".join(str(value) for value in values[:8]) + (", ..." if len(values) > 8 else "")
        raise PipelineError(
            f"{path}: a mask holds 0 and one other value; this one holds {len(values)}: {shown}. "
            "Save it without smoothing, as 0 and 255."
        )
    return (image > 0).astype(np.uint8)


def opaque(path: Path, image: np.ndarray) -> np.ndarray:
    """Drop the alpha channel of an image.

    Args:
        path: the image's file, for the message.
        image: (height, width, 3 or 4), as `pipeline.data.images.read_image` returns it.

    Returns:
        (height, width, 3).

    Raises:
        PipelineError: the alpha channel alone holds a shape.
    """
    colours, alpha = image[..., :3], image[..., 3:]
    if alpha.size and colours.min() == colours.max() and alpha.min() != alpha.max():
        raise PipelineError(f"{path}: the mask's shape is in its transparency; save it as black and white.")
    return colours


def resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """Stretch a mask (height, width) uint8 to (size, size): nearest neighbour, at pixel centres."""
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)


def check_size(path: Path, mask: np.ndarray, frame: tuple[int, int], also: tuple[int, ...]) -> None:
    """Refuse a mask whose size is not its frame's.

    AVSBench's masks are 224 x 224 whatever the video's size: they are stretched as its frames are.

    Args:
        path: the mask's file, for the message.
        mask: (height, width).
        frame: (height, width) of the frame.
        also: sides of squares that are accepted, too.

    Raises:
        PipelineError: the mask has another size.
    """
    height, width = mask.shape
    if (height, width) != frame and not (height == width and height in also):
        squares = " or ".join(f"{side} x {side}" for side in sorted(set(also)))
        raise PipelineError(
            f"{path}: the mask is {width} x {height}, its frame {frame[1]} x {frame[0]}; it must be of the "
            f"frame's size or {squares}. Draw it again on the frame, or resize it without smoothing."
        )


def has_palette(path: Path) -> bool:
    """Say whether a file is a PNG whose pixels are indices of a palette."""
    with path.open("rb") as stream:
        head = stream.read(26)
    return head.startswith(b"\x89PNG") and head[25:] == b"\x03"  # the colour type


def palette_indices(path: Path, colours: np.ndarray) -> np.ndarray:
    """Read the indices of a palette PNG, which OpenCV replaces by colours.

    The published loaders read MS3's masks by index and S4's by colour.

    Args:
        path: the file.
        colours: (height, width, 3), as OpenCV reads it.

    Returns:
        (height, width) uint8.

    Raises:
        PipelineError: index and colour contradict each other: index 0 has a colour and the rest is black.
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


def distinct_values(image: np.ndarray) -> list[int]:
    """The values that an image of whole numbers holds, sorted."""
    if image.dtype == np.uint8:
        # 20 times as fast as np.unique
        return np.flatnonzero(np.bincount(image.ravel(), minlength=256)).tolist()
    return np.unique(image).tolist()
