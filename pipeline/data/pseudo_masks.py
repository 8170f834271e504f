"""Pseudo-masks: GrabCut turns a box and its image into a mask nearly as good as a drawn one.

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
from pipeline.data.crops import PixelBox
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.utils.files import atomic_folder, write_json
from pipeline.utils.packed_arrays import new_array, open_packed, write_row
from pipeline.utils.parallel import ALL_CORES, Workers

MIN_SHARE = 0.2  # of the box: where GrabCut keeps less, it has lost the object
ITERATIONS = 1  # of GrabCut; more do not agree better with drawn masks
ROUNDING = 1e-3  # pixels: float32 fractions of whole pixels are off by less
NEIGHBOURS = np.ones((3, 3), np.uint8)  # one pixel on either side of the boundary is ignored


def grabcut_mask(frame: NDArray[np.uint8], boxes: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Pseudo-mask of the boxed objects of a frame.

    Args:
        frame: (H, W, 3) RGB.
        boxes: for each object left, top, right, bottom as fractions of the frame.

    Returns:
        (H, W): 1 on the objects, 0 elsewhere, `IGNORE_INDEX` along their boundary; `IGNORE_INDEX` throughout
        if GrabCut finds nothing that could fill the boxes.
    """
    height, width = frame.shape[:2]
    ignored = np.full((height, width), IGNORE_INDEX, np.uint8)
    mask = np.full((height, width), cv2.GC_BGD, np.uint8)
    for box in boxes:
        mask[pixels(box, height, width)] = cv2.GC_PR_FGD
    boxed = np.count_nonzero(mask)
    if boxed in (0, mask.size):  # GrabCut needs pixels both inside and outside
        return ignored
    cv2.setRNGSeed(0)  # GrabCut initialises its colour clusters at random
    models = np.zeros((1, 65)), np.zeros((1, 65))
    image = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR)
    cv2.grabCut(image, mask, (0, 0, 0, 0), *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    mask &= 1  # definite or probable foreground
    if mask.sum() < MIN_SHARE * boxed:
        return ignored
    boundary = cv2.dilate(mask, NEIGHBOURS) > cv2.erode(mask, NEIGHBOURS)
    return np.where(boundary, IGNORE_INDEX, mask).astype(np.uint8)


def pixels(box: NDArray[np.float32], height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the pixels that a box (fractions of the frame) covers, wholly or partly."""
    left, top = np.floor(box[:2] * (width, height) + ROUNDING).astype(int)
    right, bottom = np.ceil(box[2:] * (width, height) - ROUNDING).astype(int)
    return slice(top, bottom), slice(left, right)


def build_pseudo_masks(
    catalog: pd.DataFrame,
    boxes: pd.DataFrame,
    frames: Path,
    out: Path,
    *,
    workers: Workers = ALL_CORES,
) -> dict[str, float | None]:
    """Make pseudo-masks for all frames of the train clips; write the folder `out` atomically.

    The folder holds `pseudo_masks.npy`, uint8 (C, 5, S, S) of 0, 1 and `IGNORE_INDEX`, whose row c is the
    c-th train clip of the catalogue, and `quality.json`. A frame without a box is `IGNORE_INDEX` throughout.

    Args:
        catalog: the clip catalogue.
        boxes: as `pipeline.data.crops.build_crops` takes them; all boxes of a frame are used.
        frames: folder with frames.npy, masks.npy and labelled.npy.
        out: folder to write.
        workers: processes that share the clips.

    Returns:
        The content of quality.json: `frames`, how many frames have a box; `with_mask`, the share of them that
        got a pseudo-mask; `miou`, the mean IoU with the drawn masks over the frames that have both, None if
        there are none.
    """
    clips = [clip for clip in clips_of(catalog) if clip.split == "train"]
    side = open_packed(frames / "frames.npy").shape[2]
    drawn: dict[tuple[str, int], list[NDArray[np.float32]]] = {}
    for name, frame, *numbers in boxes[["name", "frame", *PixelBox._fields]].itertuples(index=False):
        drawn.setdefault((str(name), int(frame)), []).append(PixelBox(*map(int, numbers)).normalised())
    items = [
        (row, [drawn.get((clip.name, k), []) for k in range(1, FRAMES + 1)]) for row, clip in enumerate(clips)
    ]
    with atomic_folder(out) as folder:
        path = folder / "pseudo_masks.npy"
        new_array(path, np.uint8, (len(clips), FRAMES, side, side))
        work = _PseudoMasks(path, frames)
        found = workers.map(work, items, "clips to pseudo-masks")
        boxed = sum(bool(found_in) for _, clip in items for found_in in clip)
        ious = [iou for _, of_clip in found for iou in of_clip]
        quality = {
            "frames": boxed,
            "with_mask": sum(count for count, _ in found) / max(1, boxed),
            "miou": float(np.mean(ious)) if ious else None,
        }
        write_json(folder / "quality.json", quality)
    return quality


def iou_with_drawn(mask: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> float:
    """IoU of a pseudo-mask and a drawn mask, both (H, W), over the pixels that are not `IGNORE_INDEX`."""
    known = mask != IGNORE_INDEX
    union = int(((mask | drawn) & known).sum())
    return int((mask & drawn & known).sum()) / union if union else 1.0


@dataclass(frozen=True)
class _PseudoMasks:
    """The work on one clip, picklable; returns its number of pseudo-masks and their IoUs with drawn masks."""

    path: Path
    frames: Path

    def __call__(self, item: tuple[int, list[list[NDArray[np.float32]]]]) -> tuple[int, list[float]]:
        row, boxes = item
        cv2.setNumThreads(1)  # clips are the unit of parallel work
        frames, masks, labelled = (
            open_packed(self.frames / f"{name}.npy")[row] for name in ("frames", "masks", "labelled")
        )
        made = np.stack([grabcut_mask(frame, found) for frame, found in zip(frames, boxes, strict=True)])
        write_row(self.path, row, made)
        with_mask = (made != IGNORE_INDEX).any((1, 2))
        ious = [iou_with_drawn(made[k], masks[k]) for k in np.flatnonzero(with_mask & labelled)]
        return int(with_mask.sum()), ious
