"""DVC stage: other sounds for each clip, by the recipe of its own, for the listening test."""

from __future__ import annotations

import torch

from pipeline.audio.negatives import build_negatives
from pipeline.config.params import load_params
from pipeline.config.paths import AUDIO, CATALOG, NEGATIVES
from pipeline.data.catalog import read_catalog
from pipeline.utils.progress import show
from stages.common import run


def main() -> None:
    """Make silence, noise, exchanged and shifted sounds, and their features.

    Example: python -m stages.negatives
    """
    params = load_params()
    build_negatives(
        read_catalog(CATALOG),
        AUDIO,
        NEGATIVES,
        seed=params.evaluate.seed,
        splits=("test",),  # where `evaluate` listens
        device="cuda" if torch.cuda.is_available() else "cpu",
        jobs=params.compute.jobs,
        backend=params.compute.backend,
        track=show,
    )


if __name__ == "__main__":
    run(main)
