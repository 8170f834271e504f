"""A catalogue of a few clips with masks and label files, for the tests of labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.data.catalog import to_frame
from pipeline.data.clip import Clip
from pipeline.labels.voc.label_paths import Frame, label_path
from pipeline.labels.voc.voc_xml import Annotation, Box, write_voc

WIDTH, HEIGHT = 160, 120
TRAIN = {"abc": "dog_barking", "-def": "helicopter"}
CLASSES = ("cat_meowing", "dog_barking", "helicopter", "race_car")
DOG = Box("dog_barking", 21, 30, 61, 70)


def clip(name: str, category: str, split: str, mask: str | None = None) -> Clip:
    return Clip(
        name, category, split, 0, f"{name}.mp4", None, None, [mask, None, None, None, None], None, None, None
    )


def catalog(masks: dict[str, str] | None = None) -> pd.DataFrame:
    """Two train clips of two categories, one val clip, and train clip `multi` without a category."""
    masks = masks or {}
    clips = [clip(name, category, "train", masks.get(name)) for name, category in TRAIN.items()]
    several = clip("multi", "", "train", masks.get("multi"))
    return to_frame([*clips, clip("val1", "dog_barking", "val"), several])


def write_mask(path: Path, left: int, top: int, right: int, bottom: int) -> str:
    """A mask that is white from column `left` to before `right`, and rows alike; pixels from 0."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mask)
    return str(path)


def label(folder: Path, name: str, frame: int, *boxes: Box, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path = folder / label_path(Frame(name, frame), TRAIN.get(name, ""))
    write_voc(path, Annotation(width, height, boxes, f"{name}_{frame}.jpg", "ann"))
    return path


def full(folder: Path) -> None:
    """A sane box in every frame of the two train clips with a category, moving a little."""
    for name, category in TRAIN.items():
        for frame in range(1, 6):
            label(folder, name, frame, Box(category, 20 + frame, 30, 60 + frame, 70))
