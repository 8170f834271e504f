"""Crops of the sounding objects: the boxed part of each frame, resized and packed."""

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
from pipeline.data.images import frame_path, read_rgb, resize_image
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder
from pipeline.utils.packed_arrays import new_array, write_row
from pipeline.utils.parallel import ALL_CORES, Workers


class PixelBox(NamedTuple):
    """Box in VOC's pixels: the first pixel is 1, and the last one is inside.

    Attributes:
        xmin: left column.
        ymin: top row.
        xmax: right column.
        ymax: bottom row.
        width: of the image that the box was drawn on.
        height: of the image that the box was drawn on.
    """

    xmin: int
    ymin: int
    xmax: int
    ymax: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Number of pixels in the box."""
        return (self.xmax - self.xmin + 1) * (self.ymax - self.ymin + 1)

    def normalised(self) -> NDArray[np.float32]:
        """(4,): left, top, right, bottom as fractions of the image that the box was drawn on."""
        left, top = (self.xmin - 1) / self.width, (self.ymin - 1) / self.height
        corners = (left, top, self.xmax / self.width, self.ymax / self.height)
        return np.clip(np.array(corners, np.float32), 0, 1)


def build_crops(
    catalog: pd.DataFrame,
    boxes: pd.DataFrame,
    images: Path,
    out: Path,
    *,
    size: int,
    padding: float,
    workers: Workers = ALL_CORES,
) -> None:
    """Crop the boxed object from every frame of the train clips; write the folder `out` atomically.

    The folder holds, for the C train clips in the catalogue's order:

    - `crops.npy`, uint8 (C, 5, size, size, 3) RGB, black where a frame has no box;
    - `present.npy`, bool (C, 5): which frames have a box;
    - `boxes.npy`, float32 (C, 5, 4): left, top, right, bottom as fractions of the frame, without padding.

    Of several boxes on one frame the largest is taken.

    Args:
        catalog: the clip catalogue.
        boxes: columns name, frame (1..5), xmin, ymin, xmax, ymax, width and height, as in `PixelBox`. A box
            that was drawn on another size than the frame's (AVSBench's 224 x 224, say) is stretched with it.
        images: folder of the frames at their own size.
        out: folder to write.
        size: side of a crop, in pixels.
        padding: added on each side, as a fraction of the box's width and height; clipped to the image.
        workers: processes that share the clips.

    Raises:
        PipelineError: a box is of no train clip's frame, or empty, or an image cannot be read.
    """
    clips = [clip for clip in clips_of(catalog) if clip.split == "train"]
    chosen = largest_boxes(boxes)
    unknown = sorted(set(chosen) - {(clip.name, k) for clip in clips for k in range(1, FRAMES + 1)})
    if unknown:
        shown = ", ".join(f"{name} frame {k}" for name, k in unknown[:5])
        raise PipelineError(f"boxes of frames that belong to no train clip: {shown}; run `dvc repro boxes`.")
    by_clip = [[chosen.get((clip.name, k)) for k in range(1, FRAMES + 1)] for clip in clips]
    present = np.array([[box is not None for box in row] for row in by_clip], bool)
    with atomic_folder(out) as folder:
        new_array(folder / "crops.npy", np.uint8, (len(clips), FRAMES, size, size, 3))
        np.save(folder / "present.npy", present.reshape(len(clips), FRAMES))
        np.save(folder / "boxes.npy", _normalised(by_clip))
        work = _CropClip(folder / "crops.npy", images, size, padding)
        items = [(row, clip, of_clip) for row, (clip, of_clip) in enumerate(zip(clips, by_clip, strict=True))]
        workers.map(work, items, "clips to crops")


def largest_boxes(boxes: pd.DataFrame) -> dict[tuple[str, int], PixelBox]:
    """(Clip name, frame 1..5) -> its largest box by area; of equal ones the first in the table."""
    chosen: dict[tuple[str, int], PixelBox] = {}
    rows = boxes[["name", "frame", *PixelBox._fields]].itertuples(index=False)
    for name, frame, *numbers in rows:
        box, key = PixelBox(*map(int, numbers)), (str(name), int(frame))
        if key not in chosen or box.area > chosen[key].area:
            chosen[key] = box
    return chosen


def crop(image: np.ndarray, box: PixelBox, size: int, padding: float) -> np.ndarray:
    """Padded box of an image, stretched.

    Args:
        image: (height, width, 3), of any size.
        box: in the pixels of the image it was drawn on.
        size: side of the crop.
        padding: fraction of the box's sides, added on each side and clipped to the image.

    Returns:
        (size, size, 3).

    Raises:
        PipelineError: no part of the box is inside the image it was drawn on.
    """
    height, width = image.shape[:2]
    columns = _pixels(box.xmin, box.xmax, box.width, width, padding)
    rows = _pixels(box.ymin, box.ymax, box.height, height, padding)
    if columns is None or rows is None:
        raise PipelineError(
            f"box {tuple(box[:4])} is empty or outside its image of {box.width} x {box.height}; "
            "fix its label."
        )
    return resize_image(image[rows, columns], size)


def _pixels(first: int, last: int, drawn: int, side: int, padding: float) -> slice | None:
    """One side of a box, in pixels of an image of `side` pixels: at least one; None for an empty box."""
    if first > last or first > drawn or last < 1:
        return None
    scale, padded = side / drawn, (last - first + 1) * padding
    start, stop = max(0, round((first - 1 - padded) * scale)), min(side, round((last + padded) * scale))
    start = min(start, side - 1)  # a thin box can shrink to less than one pixel
    return slice(start, max(stop, start + 1))


def _normalised(by_clip: list[list[PixelBox | None]]) -> NDArray[np.float32]:
    """(C, 5, 4): the boxes as fractions of their images; 0 where there is none."""
    packed = np.zeros((len(by_clip), FRAMES, 4), np.float32)
    for row, boxes in enumerate(by_clip):
        for k, box in enumerate(boxes):
            if box is not None:
                packed[row, k] = box.normalised()
    return packed


@dataclass(frozen=True)
class _CropClip:
    """The work on one clip, picklable."""

    path: Path
    images: Path
    size: int
    padding: float

    def __call__(self, item: tuple[int, Clip, list[PixelBox | None]]) -> None:
        row, clip, boxes = item
        cv2.setNumThreads(1)  # clips are the unit of parallel work
        crops = np.zeros((FRAMES, self.size, self.size, 3), np.uint8)
        for k, box in enumerate(boxes, 1):
            if box is not None:
                path = self.images / frame_path(clip, k)
                try:
                    crops[k - 1] = crop(read_rgb(path), box, self.size, self.padding)
                except PipelineError as error:
                    raise PipelineError(f"{clip.name} frame {k}: {error}") from error
        write_row(self.path, row, crops)
