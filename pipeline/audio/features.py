"""Sound of every clip: log-mel examples and VGGish features, packed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.spectrograms import clip_wave, pack_examples
from pipeline.data.catalog import clips_of
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder, write_json
from pipeline.utils.progress import Track, no_progress


def build_audio(
    catalog: pd.DataFrame,
    out: Path,
    *,
    weights: str = "seeded",
    seed: int = 0,
    standardise: bool = True,
    device: str = "cpu",
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
) -> dict[str, str]:
    """Write the folder `out`, whole or not at all.

    `logmel.npy` float32 (N, 5, 1, 96, 64), `features.npy` float32 (N, 5, 128), `info.json`: the recipe
    (weights, their SHA-256, mean and deviation of the train split) and `notes` (clip -> which examples were
    repeated).

    Returns:
        The notes.
    """
    clips = clips_of(catalog)
    recipe = AudioFeatureExtractor.load(
        weights, seed
    )  # first: a missing checkpoint shows before an hour of decoding
    with atomic_folder(out) as folder:
        examples = folder / "logmel.npy"
        found = pack_examples(clip_wave, clips, examples, jobs=jobs, backend=backend, track=track)
        raw = recipe.raw(np.load(examples, mmap_mode="r"), device, track)
        if standardise:
            train = raw[(catalog["split"] == "train").to_numpy()]
            if not len(train):
                raise PipelineError(
                    "the catalogue has no train clip to standardise on; set audio.standardise: false."
                )
            recipe = recipe.fitted(train)
        np.save(folder / "features.npy", recipe.standardise(raw))
        notes = {clip.name: note for clip, note in zip(clips, found, strict=True) if note}
        write_json(folder / "info.json", {**recipe.info(), "notes": notes})
    return notes
