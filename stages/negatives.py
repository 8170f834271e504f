"""DVC stage `negatives`: negative audio for every clip, for training and the audio-sensitivity test."""

from __future__ import annotations

import torch

from pipeline.audio.negatives import build_negatives
from pipeline.config.params import load_params
from pipeline.config.paths import AUDIO, CATALOG, NEGATIVES
from pipeline.data.catalog import read_catalog
from stages.common import run, workers


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
        workers=workers(params.compute),
    )


if __name__ == "__main__":
    run(main)
