"""What training reads of the data folder: one table for what is hashed and what is opened.

The stage `plan` hashes the files of the inputs that a variant uses, and `pipeline.dataset.training` opens
those and no others: a run never depends on data that its digest does not cover.
"""

from __future__ import annotations

from pathlib import Path

# by input, files below data/
INPUTS: dict[str, tuple[str, ...]] = {
    "frames": ("frames/frames.npy", "frames/masks.npy", "frames/labelled.npy"),
    "audio": ("audio/features.npy",),
    "boxes": ("crops/present.npy", "crops/boxes.npy"),
    "crops": ("crops/crops.npy",),
    "pseudo_masks": ("pseudo_masks/pseudo_masks.npy",),
    "negatives": ("negatives/bank/sounds.npy",),
}


def input_files(data: Path, name: str) -> list[Path]:
    """The files of the input `name` in the folder `data`."""
    return [data / file for file in INPUTS[name]]
