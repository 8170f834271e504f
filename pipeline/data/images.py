"""Image files: reading, writing and resizing, and where the pipeline keeps a clip's frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.data.clip import Clip
from pipeline.utils.errors import PipelineError


def frame_path(clip: Clip, number: int) -> Path:
    """Path of frame `number` (1..5) of a clip, relative to the folder of images.

    `{split}/{category}/{name}/{name}_{number}.jpg`; a clip without a category has no such folder.
    """
    return Path(clip.split) / clip.category / clip.name / f"{clip.name}_{number}.jpg"


def read_image(path: Path) -> np.ndarray:
    """Pixels of an image file as stored.

    Args:
        path: any format that OpenCV reads.

    Returns:
        (height, width) or (height, width, channels) of the file's own type; channels in OpenCV's order, BGR.

    Raises:
        PipelineError: the file is missing, is not an image, or is too large; names it.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        raise PipelineError(
            f"{path}: no such file; fetch it again or remove the clip from the table."
        ) from None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error as error:  # more pixels than OpenCV reads
        raise PipelineError(f"{path}: cannot be read as an image ({error.err}); make it smaller.") from error
    if image is None:
        raise PipelineError(f"{path}: is not an image ({data.size} bytes); fetch or make it again.")
    return image


def read_rgb(path: Path) -> np.ndarray:
    """RGB pixels of an image file, grey or colour; transparency is dropped.

    Args:
        path: any 8-bit format that OpenCV reads.

    Returns:
        (height, width, 3) uint8.

    Raises:
        PipelineError: as `read_image` does, and for an image of more than 8 bits a channel.
    """
    image = read_image(path)
    if image.dtype != np.uint8:
        raise PipelineError(f"{path}: is a {image.dtype} image; save it with 8 bits a channel.")
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., 2::-1])


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """Write a JPEG, without EXIF: no viewer can rotate it.

    Args:
        path: the file; its folder must exist.
        image: (height, width, 3) uint8 RGB.
        quality: 0 to 100.

    Raises:
        PipelineError: the image is too large for the format.
    """
    encoded, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not encoded:
        raise PipelineError(f"{path}: an image of shape {image.shape} cannot be stored as JPEG.")
    path.write_bytes(data.tobytes())


def resize_image(image: np.ndarray, size: int) -> np.ndarray:
    """Stretch (height, width, 3) to (size, size, 3): area averaging, or bilinear where a side grows."""
    height, width = image.shape[:2]
    shrinks = height >= size and width >= size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
