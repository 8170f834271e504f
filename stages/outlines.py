"""DVC stage: masks of the boxed objects of the train clips, by GrabCut."""

from __future__ import annotations

import pandas as pd

from pipeline.config.params import load_params
from pipeline.config.paths import BOXES, CATALOG, FRAMES, OUTLINES
from pipeline.data.catalog import read_catalog
from pipeline.data.pseudo_masks import build_pseudo_masks
from pipeline.utils.progress import show
from stages.common import run


def main() -> None:
    """Outline the boxed objects in every frame of every train clip.

    Example: python -m stages.outlines
    """
    compute = load_params().compute
    fit = build_pseudo_masks(
        read_catalog(CATALOG),
        pd.read_parquet(BOXES / "boxes.parquet"),
        FRAMES,
        OUTLINES,
        jobs=compute.jobs,
        backend=compute.backend,
        track=show,
    )
    fits = "" if fit["miou"] is None else f"; M_J against the drawn masks {fit['miou']:.3f}"
    print(f"{fit['outlined']:.1%} of {fit['frames']} boxed frames outlined{fits}", flush=True)


if __name__ == "__main__":
    run(main)
