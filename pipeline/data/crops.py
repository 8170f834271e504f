"""Crops of the sounding object: what people boxed, cut out of the frames and packed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.data.catalog import clips_of
from pipeline.data.clip import FRAMES, Clip
from pipeline.data.frames import image_path, read_rgb, resize_image
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder
from pipeline.utils.packed_arrays import new_array, write_row
from pipeline.utils.parallel import map_all
from pipeline.utils.progress import Track, no_progress


class Corners(NamedTuple):
    """A box in VOC's pixels: the first is 1, the last is inside. It was drawn on an image of `width` x
    `height`.
    """

    xmin: int
    ymin: int
    xmax: int
    ymax: int
    width: int
    height: int


def build_crops(
    catalog: pd.DataFrame,
    boxes: pd.DataFrame,
    images: Path,
    out: Path,
    *,
    size: int,
    padding: float,
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
) -> None:
    """Cut the boxed object out of every frame of every train clip; write the folder `out`, whole or not at
    all.

    `crops.npy` uint8 (C, 5, size, size, 3) RGB, `present.npy` bool (C, 5) and `boxes.npy` float32 (C, 5, 4),
    left, top, right, bottom as fractions of the frame, without padding: row c is row c of the catalogue, C
    the number of train clips. Of several boxes on one frame the largest is taken. A frame
    without a box is not present, and black.

    Args:
        boxes: columns name, frame (1..5), xmin, ymin, xmax, ymax, VOC's 1-based inclusive pixels of an image
        of width x height. Where that is not the frame's size (people drew on AVSBench's 224 x 224, say) the
        box is stretched with the image. images: the folder of native-size frames. padding: added on each
        side, as a fraction of the box's width and height; clipped to the image.
    """
    clips = [clip for clip in clips_of(catalog) if clip.split == "train"]
    chosen = largest_boxes(boxes)
    unknown = sorted(set(chosen) - {(clip.name, k) for clip in clips for k in range(1, FRAMES + 1)})
    if unknown:
        shown = ", ".join(f"{name} frame {k}" for name, k in unknown[:5])
        raise PipelineError(f"boxes of frames that are of no train clip: {shown}; run `dvc repro boxes`.")
    with atomic_folder(out) as folder:
        new_array(folder / "crops.npy", np.uint8, (len(clips), FRAMES, size, size, 3))
        present = np.array([[(clip.name, k) in chosen for k in range(1, FRAMES + 1)] for clip in clips])
        np.save(folder / "present.npy", present.reshape(len(clips), FRAMES))
        np.save(folder / "boxes.npy", _as_fractions(chosen, clips))
        items = [
            (row, clip, [chosen.get((clip.name, k)) for k in range(1, FRAMES + 1)])
            for row, clip in enumerate(clips)
        ]
        work = _Cut(folder / "crops.npy", images, size, padding)
        map_all(work, items, jobs=jobs, backend=backend, track=track, what="clips to crops")


def largest_boxes(boxes: pd.DataFrame) -> dict[tuple[str, int], Corners]:
    """(clip name, frame 1..5) -> its largest box by area; of equal ones the first in the table."""
    chosen: dict[tuple[str, int], Corners] = {}
    rows = boxes[["name", "frame", *Corners._fields]].itertuples(index=False)
    for name, frame, *numbers in rows:
        box, key = Corners(*map(int, numbers)), (str(name), int(frame))
        if key not in chosen or _area(box) > _area(chosen[key]):
            chosen[key] = box
    return chosen


def edges(box: Corners) -> NDArray[np.float32]:
    """(4,): left, top, right, bottom as fractions of the image that the box was drawn on."""
    left, top = (box.xmin - 1) / box.width, (box.ymin - 1) / box.height
    corners = (left, top, box.xmax / box.width, box.ymax / box.height)
    return np.clip(np.array(corners, np.float32), 0, 1)


def cut(image: np.ndarray, box: Corners, size: int, padding: float) -> np.ndarray:
    """The padded box of an image (height, width, 3), clipped to it and stretched to (size, size, 3).

    Raises `PipelineError` if nothing of the box lies inside the image it was drawn on.
    """
    height, width = image.shape[:2]
    columns = _pixels(box.xmin, box.xmax, box.width, width, padding)
    rows = _pixels(box.ymin, box.ymax, box.height, height, padding)
    if columns is None or rows is None:
        raise PipelineError(
            f"box {tuple(box[:4])} is empty or outside its image of {box.width} x {box.height}; "
            "mend its label."
        )
    return resize_image(image[rows, columns], size)


def _pixels(first: int, last: int, drawn: int, side: int, padding: float) -> slice | None:
    """One side of a box, in the pixels of an image of `side` pixels: at least one; None if there are none."""
    if first > last or first > drawn or last < 1:
        return None
    scale, padded = side / drawn, (last - first + 1) * padding
    start, stop = max(0, round((first - 1 - padded) * scale)), min(side, round((last + padded) * scale))
    start = min(start, side - 1)  # of a thin box in a large image a small one may keep no whole pixel
    return slice(start, max(stop, start + 1))


def _as_fractions(chosen: dict[tuple[str, int], Corners], clips: list[Clip]) -> NDArray[np.float32]:
    """(C, 5, 4): left, top, right, bottom of the chosen boxes in the image they were drawn on; 0 without."""
    packed = np.zeros((len(clips), FRAMES, 4), np.float32)
    for row, clip in enumerate(clips):
        for k in range(1, FRAMES + 1):
            if (box := chosen.get((clip.name, k))) is not None:
                packed[row, k - 1] = edges(box)
    return packed


def _area(box: Corners) -> int:
    return (box.xmax - box.xmin + 1) * (box.ymax - box.ymin + 1)


@dataclass(frozen=True)
class _Cut:
    """The work on one clip, picklable."""

    path: Path
    images: Path
    size: int
    padding: float

    def __call__(self, item: tuple[int, Clip, list[Corners | None]]) -> None:
        row, clip, boxes = item
        cv2.setNumThreads(1)  # clips are the unit of parallel work
        crops = np.zeros((FRAMES, self.size, self.size, 3), np.uint8)
        for k, box in enumerate(boxes, 1):
            if box is not None:
                path = self.images / image_path(clip, k)
                try:
                    crops[k - 1] = cut(read_rgb(path), box, self.size, self.padding)
                except PipelineError as error:
                    raise PipelineError(f"{clip.name} frame {k}: {error}") from error
        write_row(self.path, row, crops)
