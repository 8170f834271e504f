"""Pictures of a prediction against the truth: hit, miss and false alarm in three colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_path

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.bool_]  # (H, W)

# Okabe & Ito's palette: distinguishable with any colour vision, and by lightness in print
HIT = (0, 158, 115)
MISS = (0, 114, 178)
FALSE_ALARM = (230, 159, 0)
LEGEND = (("hit", HIT), ("miss", MISS), ("false alarm", FALSE_ALARM))

GAP = 3  # pixels between frames
STRENGTH = 0.62  # of the colour over the grey picture


def overlay(frame: Image, predicted: Mask, truth: Mask) -> Image:
    """Paint hits, misses and false alarms over a greyed frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        predicted: (H, W) bool.
        truth: (H, W) bool.

    Returns:
        (H, W, 3) uint8 RGB; each area has a solid outline, so that thin ones are visible.

    Raises:
        ValueError: they differ in size.
    """
    if predicted.shape != frame.shape[:2] or truth.shape != frame.shape[:2]:
        sizes = f"frame {frame.shape}, predicted {predicted.shape}, truth {truth.shape}"
        raise ValueError(f"{sizes}: differ in size")
    predicted, truth = predicted.astype(bool), truth.astype(bool)
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY).astype(np.float32)
    painted = np.repeat((40 + 0.72 * grey)[:, :, None], 3, axis=2)
    kernel = np.ones((3, 3), np.uint8)
    areas = ((predicted & truth, HIT), (truth & ~predicted, MISS), (predicted & ~truth, FALSE_ALARM))
    for area, colour in areas:
        inside = cv2.erode(area.astype(np.uint8), kernel, borderValue=1).astype(bool)
        tone = np.array(colour, np.float32)
        painted[area] = (1 - STRENGTH) * painted[area] + STRENGTH * tone
        painted[area & ~inside] = tone
    return np.clip(np.rint(painted), 0, 255).astype(np.uint8)


def paint_mask(frame: Image, mask: Mask) -> Image:
    """The frame with everything outside the mask (H, W) darkened, as the truth is shown."""
    kept = mask.astype(bool)[:, :, None]
    return np.where(kept, frame, np.rint(frame * 0.28).astype(np.uint8))


def strip(images: Sequence[Image]) -> Image:
    """Put images of one size side by side, white between them: (H, n W + (n - 1) GAP, 3)."""
    height = images[0].shape[0]
    between = np.full((height, GAP, 3), 255, np.uint8)
    parts: list[Image] = []
    for place, image in enumerate(images):
        parts += [between, image] if place else [image]
    return np.concatenate(parts, axis=1)


def write_strips(
    folder: Path,
    name: str,
    frames: Image,
    truth: Mask,
    predicted: Mask,
    others: Mapping[str, Mask] | None = None,
) -> None:
    """Write one clip's pictures for the report: `{name}.{image,truth,predicted}.png`, `{name}.{key}.png`.

    Args:
        folder: where the pictures go.
        name: the clip's.
        frames: (T, H, W, 3) uint8 RGB.
        truth: (T, H, W) bool.
        predicted: (T, H, W) bool, under the clip's own sound.
        others: masks like `predicted` by condition, under other sounds.
    """

    def overlay_strip(masks: Mask) -> Image:
        return strip([overlay(*parts) for parts in zip(frames, masks, truth, strict=True)])

    images = {
        "image": strip(list(frames)),
        "truth": strip([paint_mask(frame, mask) for frame, mask in zip(frames, truth, strict=True)]),
        "predicted": overlay_strip(predicted),
        **{key: overlay_strip(masks) for key, masks in (others or {}).items()},
    }
    for kind, image in images.items():
        write_picture(folder / f"{name}.{kind}.png", image)


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB (H, W, 3) or grey (H, W) image as PNG or JPEG (by the name's ending), atomically."""
    pixels = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    encoded, data = cv2.imencode(path.suffix, pixels)
    if not encoded:
        raise PipelineError(f"{path}: an image of shape {image.shape} cannot be stored as {path.suffix}.")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())  # cv2.imwrite does not report a full disk


def read_picture(path: Path) -> Image:
    """Read an image as RGB.

    Raises:
        PipelineError: the file is not an image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise PipelineError(f"{path}: cannot be read as an image; remove it and run `dvc repro`.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
