"""Outlines of the boxed objects: a box and its picture give a mask nearly as good as a drawn one.

GrabCut (Rother et al., SIGGRAPH 2004) separates the colours inside a box from those outside; masks made so
train a segmentation network nearly as well as drawn ones (Khoreva et al., "Simple Does It", CVPR 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.data.catalog import clips_of
from pipeline.data.clip import FRAMES
from pipeline.data.crops import Corners, edges
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.utils.files import atomic_folder, write_json
from pipeline.utils.packed_arrays import new_array, open_packed, write_row
from pipeline.utils.parallel import map_all
from pipeline.utils.progress import Track, no_progress

SMALLEST = 0.2  # of the box: GrabCut that keeps less has lost the object
ROUNDS = 1  # of GrabCut; more do not fit drawn masks better
ROUNDING = 1e-3  # pixels: float32 fractions of whole pixels miss them by less
EDGE = np.ones((3, 3), np.uint8)  # a pixel on either side of the outline is left unknown


def grabcut_mask(frame: NDArray[np.uint8], boxes: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """The boxed objects of a frame: 1 where they are, 0 where they are not, `IGNORE_INDEX` along their edges.

    Args:
        frame: (H, W, 3) RGB.
        boxes: of each object left, top, right, bottom as fractions of the frame.

    Returns:
        (H, W); all of it `IGNORE_INDEX` where GrabCut finds nothing that could fill the boxes.
    """
    height, width = frame.shape[:2]
    unknown = np.full((height, width), IGNORE_INDEX, np.uint8)
    mask = np.full((height, width), cv2.GC_BGD, np.uint8)
    for box in boxes:
        mask[pixels(box, height, width)] = cv2.GC_PR_FGD
    boxed = np.count_nonzero(mask)
    if boxed in (0, mask.size):  # GrabCut needs something on either side
        return unknown
    cv2.setRNGSeed(0)  # of the colour clusters it begins with
    models = np.zeros((1, 65)), np.zeros((1, 65))
    picture = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR)
    cv2.grabCut(picture, mask, (0, 0, 0, 0), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask &= 1  # certain or probable foreground
    if mask.sum() < SMALLEST * boxed:
        return unknown
    edge = cv2.dilate(mask, EDGE) > cv2.erode(mask, EDGE)
    return np.where(edge, IGNORE_INDEX, mask).astype(np.uint8)


def pixels(box: NDArray[np.float32], height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of all pixels that a box, fractions of a frame of this size, covers or cuts."""
    left, top = np.floor(box[:2] * (width, height) + ROUNDING).astype(int)
    right, bottom = np.ceil(box[2:] * (width, height) - ROUNDING).astype(int)
    return slice(top, bottom), slice(left, right)


def build_pseudo_masks(
    catalog: pd.DataFrame,
    boxes: pd.DataFrame,
    frames: Path,
    out: Path,
    *,
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
) -> dict[str, float | None]:
    """Outline the boxed objects of every frame of every train clip; write the folder `out`, whole or not at
    all: `outlines.npy` uint8 (C, 5, S, S) of 0, 1 and `IGNORE_INDEX`, row c of the catalogue's C train clips, and
    `fit.json`. A frame without a box is `IGNORE_INDEX`.

    Args:
        boxes: as `pipeline.data.crops.build_crops` reads them; all boxes of a frame count.
        frames: folder with frames.npy, masks.npy and labelled.npy.

    Returns:
        What fit.json holds: `frames`, how many have a box; `outlined`, the share of them with an outline;
        `miou`, how well these fit the drawn masks where a frame has both, by the pixels that they know; None
        where no frame has.
    """
    clips = [clip for clip in clips_of(catalog) if clip.split == "train"]
    side = open_packed(frames / "frames.npy").shape[2]
    drawn: dict[tuple[str, int], list[NDArray[np.float32]]] = {}
    for name, frame, *numbers in boxes[["name", "frame", *Corners._fields]].itertuples(index=False):
        drawn.setdefault((str(name), int(frame)), []).append(edges(Corners(*map(int, numbers))))
    items = [
        (row, [drawn.get((clip.name, k), []) for k in range(1, FRAMES + 1)]) for row, clip in enumerate(clips)
    ]
    with atomic_folder(out) as folder:
        path = folder / "outlines.npy"
        new_array(path, np.uint8, (len(clips), FRAMES, side, side))
        work = _Outline(path, frames)
        found = map_all(work, items, jobs=jobs, backend=backend, track=track, what="clips to outlines")
        boxed = sum(bool(found_in) for _, clip in items for found_in in clip)
        fits = [iou for _, ious in found for iou in ious]
        fit = {
            "frames": boxed,
            "outlined": sum(count for count, _ in found) / max(1, boxed),
            "miou": float(np.mean(fits)) if fits else None,
        }
        write_json(folder / "fit.json", fit)
    return fit


def fit_to(mask: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> float:
    """IoU of an outline and a drawn mask (H, W), over the pixels that the outline knows."""
    known = mask != IGNORE_INDEX
    either = int(((mask | drawn) & known).sum())
    return int((mask & drawn & known).sum()) / either if either else 1.0


@dataclass(frozen=True)
class _Outline:
    """The work on one clip, picklable: how many outlines it gave, and how those with a drawn mask fit it."""

    path: Path
    frames: Path

    def __call__(self, item: tuple[int, list[list[NDArray[np.float32]]]]) -> tuple[int, list[float]]:
        row, boxes = item
        cv2.setNumThreads(1)  # clips are the unit of parallel work
        frames, masks, labelled = (
            open_packed(self.frames / f"{name}.npy")[row] for name in ("frames", "masks", "labelled")
        )
        outlines = np.stack([grabcut_mask(frame, found) for frame, found in zip(frames, boxes, strict=True)])
        write_row(self.path, row, outlines)
        outlined = (outlines != IGNORE_INDEX).any((1, 2))
        fits = [fit_to(outlines[k], masks[k]) for k in np.flatnonzero(outlined & labelled)]
        return int(outlined.sum()), fits
