"""Audio features of every clip: log-mel patches and VGGish features, packed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.spectrograms import clip_wave, pack_patches
from pipeline.data.catalog import clips_of
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder, write_json
from pipeline.utils.parallel import ALL_CORES, Workers


def build_audio(
    catalog: pd.DataFrame,
    out: Path,
    *,
    weights: str = "seeded",
    seed: int = 0,
    standardise: bool = True,
    device: str = "cpu",
    workers: Workers = ALL_CORES,
) -> dict[str, str]:
    """Compute the audio features of every clip; write the folder `out` atomically.

    The folder holds, for N clips in the catalogue's order:

    - `logmel.npy`, float32 (N, 5, 1, 96, 64);
    - `features.npy`, float32 (N, 5, 128);
    - `info.json`: what `AudioFeatureExtractor.from_folder` reads, and `notes`, clip -> what was repeated.

    Args:
        catalog: the clip catalogue.
        out: folder to write.
        weights: of VGGish: `seeded` or a checkpoint's path.
        seed: of seeded weights.
        standardise: give each feature mean 0 and standard deviation 1 over the train split.
        device: that VGGish runs on.
        workers: processes that share the clips.

    Returns:
        The notes.

    Raises:
        PipelineError: the weights or a sound cannot be read, or there is no train clip to standardise on.
    """
    clips = clips_of(catalog)
    # first, so that a missing checkpoint is reported before an hour of decoding
    extractor = AudioFeatureExtractor.load(weights, seed)
    with atomic_folder(out) as folder:
        patches = folder / "logmel.npy"
        found = pack_patches(clip_wave, clips, patches, workers=workers)
        extracted = extractor.extract(np.load(patches, mmap_mode="r"), device, workers.track)
        if standardise:
            train = extracted[(catalog["split"] == "train").to_numpy()]
            if not len(train):
                raise PipelineError(
                    "the catalogue has no train clip to standardise on; set audio.standardise: false."
                )
            extractor = extractor.fit_standardisation(train)
        np.save(folder / "features.npy", extractor.standardise(extracted))
        notes = {clip.name: note for clip, note in zip(clips, found, strict=True) if note}
        write_json(folder / "info.json", {**extractor.info(), "notes": notes})
    return notes
