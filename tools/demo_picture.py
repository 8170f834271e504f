"""The picture of docs/listening.md, from the packed frames of a run: `python tools/demo_picture.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.catalog import read_catalog
from pipeline.evaluation.overlay import paint_mask, strip, write_picture

CATALOG, FRAMES = Path("data/catalog.parquet"), Path("data/frames")


def main() -> None:
    """Three clips of the test split: a row of what is seen, a row with the object that sounds lit."""
    catalog = read_catalog(CATALOG)
    frames = np.load(FRAMES / "frames.npy", mmap_mode="r")
    masks = np.load(FRAMES / "masks.npy", mmap_mode="r")
    rows = []
    test = np.flatnonzero(catalog["split"] == "test")
    for row in test[:: max(1, len(test) // 3)][:3]:
        pictures, truth = np.asarray(frames[row]), np.asarray(masks[row], dtype=bool)
        painted = [paint_mask(picture, mask) for picture, mask in zip(pictures, truth, strict=True)]
        rows += [strip(list(pictures)), strip(painted)]
    write_picture(Path("docs/demo.png"), np.concatenate(rows))


if __name__ == "__main__":
    main()
