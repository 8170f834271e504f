"""DVC stage `audio`: VGGish features of every clip's sound."""

from __future__ import annotations

import torch

from pipeline.audio.features import build_audio
from pipeline.config.params import load_params
from pipeline.config.paths import AUDIO, CATALOG
from pipeline.data.catalog import read_catalog
from stages.common import run, workers


def main() -> None:
    """Decode each clip's sound and compute its features, on a GPU if there is one.

    Example: python -m stages.audio
    """
    params = load_params()
    notes = build_audio(
        read_catalog(CATALOG),
        AUDIO,
        weights=params.audio.weights,
        seed=params.audio.seed,
        standardise=params.audio.standardise,
        device="cuda" if torch.cuda.is_available() else "cpu",
        workers=workers(params.compute),
    )
    if notes:
        print(f"clips whose last sound is repeated: {len(notes)}, named in {AUDIO / 'info.json'}", flush=True)


if __name__ == "__main__":
    run(main)
