"""DVC stage `pseudo_masks`: GrabCut masks of the boxed objects in the train clips."""

from __future__ import annotations

import pandas as pd

from pipeline.config.params import load_params
from pipeline.config.paths import BOXES, CATALOG, FRAMES, PSEUDO_MASKS
from pipeline.data.catalog import read_catalog
from pipeline.data.pseudo_masks import build_pseudo_masks
from stages.common import run, workers


def main() -> None:
    """Make a pseudo-mask for every boxed frame of every train clip.

    Example: python -m stages.pseudo_masks
    """
    compute = load_params().compute
    quality = build_pseudo_masks(
        read_catalog(CATALOG),
        pd.read_parquet(BOXES / "boxes.parquet"),
        FRAMES,
        PSEUDO_MASKS,
        workers=workers(compute),
    )
    miou = "" if quality["miou"] is None else f"; M_J against the drawn masks {quality['miou']:.3f}"
    print(
        f"{quality['with_mask']:.1%} of {quality['frames']} boxed frames have a pseudo-mask{miou}", flush=True
    )


if __name__ == "__main__":
    run(main)
