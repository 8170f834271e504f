"""DVC stage: the boxed objects of the train clips, cut out, resized and packed."""

from __future__ import annotations

import pandas as pd

from pipeline.config.params import load_params
from pipeline.config.paths import BOXES, CATALOG, CROPS, IMAGES
from pipeline.data.catalog import read_catalog
from pipeline.data.crops import build_crops
from pipeline.utils.progress import show
from stages.common import run


def main() -> None:
    """Cut every train clip's boxed object out of its five frames.

    Example: python -m stages.crops
    """
    params = load_params()
    build_crops(
        read_catalog(CATALOG),
        pd.read_parquet(BOXES / "boxes.parquet"),
        IMAGES,
        CROPS,
        size=params.crops.size,
        padding=params.crops.padding,
        jobs=params.compute.jobs,
        backend=params.compute.backend,
        track=show,
    )


if __name__ == "__main__":
    run(main)
