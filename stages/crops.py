"""DVC stage `crops`: the boxed objects of the train clips, cropped, resized and packed."""

from __future__ import annotations

import pandas as pd

from pipeline.config.params import load_params
from pipeline.config.paths import BOXES, CATALOG, CROPS, IMAGES
from pipeline.data.catalog import read_catalog
from pipeline.data.crops import build_crops
from stages.common import run, workers


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
        workers=workers(params.compute),
    )


if __name__ == "__main__":
    run(main)
