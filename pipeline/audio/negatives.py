"""Negative audio: sounds that do not belong to a clip, to test and to train whether a model listens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.audio.conditions import AudioCondition, other_category, same_category
from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.spectrograms import pack_patches
from pipeline.data.catalog import clips_of
from pipeline.data.clip import FRAMES, SPLITS, Clip
from pipeline.data.sound import RATE
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder
from pipeline.utils.parallel import ALL_CORES, Workers
from pipeline.utils.random_streams import AudioStream

BANK_CLIPS = 16  # train clips whose loudness the bank's noises take


class AudioSource(NamedTuple):
    """Where the sound of one clip under one condition comes from; a row of sources.parquet.

    Attributes:
        name: the clip.
        condition: one of `pipeline.audio.conditions.CONDITIONS`.
        source: the clip whose sound is heard; "" for a computed sound.
        detail: a description of a computed sound.
    """

    name: str
    condition: str
    source: str
    detail: str


def build_negatives(
    catalog: pd.DataFrame,
    audio: Path,
    out: Path,
    *,
    seed: int,
    splits: Sequence[str] = SPLITS,
    device: str = "cpu",
    workers: Workers = ALL_CORES,
) -> None:
    """Make the negative audio of every clip; write the folder `out` atomically.

    The folder holds, for N clips in the catalogue's order:

    - `{condition}.npy`, float32 (N, 5, 128), for each of `pipeline.audio.conditions.CONDITIONS` that at least
      one clip has; NaN for a clip without it (no silent object, no other clip);
    - `sources.parquet`, for each clip and condition an `AudioSource`;
    - `bank/sounds.npy`, float32 (K, 5, 128), for training: white noise, pink noise and silence in equal
      parts, drawn independently of the test's.

    Args:
        catalog: the clip catalogue.
        audio: as `pipeline.audio.features.build_audio` writes it; its extractor makes all features here.
        out: folder to write.
        seed: of exchanges, noise and shifts.
        splits: whose clips get the sounds that must be computed (noise, shifts, the silent object's).
        device: that VGGish runs on.
        workers: processes that share the clips.

    Raises:
        PipelineError: `audio` is missing or of another catalogue, or a sound cannot be read.
    """
    clips = clips_of(catalog)
    extractor = AudioFeatureExtractor.from_folder(audio)
    features = np.load(audio / "features.npy", mmap_mode="r")
    if len(features) != len(clips):
        raise PipelineError(
            f"{audio}: has {len(features)} clips, the catalogue {len(clips)}; run `dvc repro audio`."
        )
    silence = extractor.features([np.zeros(FRAMES * RATE, np.float32)], device)
    with atomic_folder(out) as folder:
        writer = _Writer(folder, clips, extractor, device, workers)
        everyone = range(len(clips))
        writer.save("silence", everyone, silence)
        sources = [AudioSource(clip.name, "silence", "", "") for clip in clips]
        for condition, choose in (("other_category", other_category), ("same_category", same_category)):
            pairs = [(row, source) for row, source in enumerate(choose(clips, seed)) if source is not None]
            if pairs:
                writer.save(condition, [row for row, _ in pairs], features[[source for _, source in pairs]])
            for row, source in pairs:
                sources.append(AudioSource(clips[row].name, condition, clips[source].name, ""))
        for condition in ("white", "pink", "shifted", "silent_object"):
            rows = [row for row in everyone if clips[row].split in splits]
            if condition == "silent_object":
                rows = [row for row in rows if clips[row].silent_audio]
            if rows:
                work, chosen = AudioCondition(condition, seed), [clips[row] for row in rows]
                writer.save(condition, rows, writer.compute(work, chosen))
                sources += [AudioSource(clip.name, condition, "", work.detail(clip)) for clip in chosen]
        train = [clip for clip in clips if clip.split == "train"]
        order = np.random.default_rng([seed, AudioStream.BANK]).permutation(len(train))
        loudness_of = [train[row] for row in order[:BANK_CLIPS]]
        # another seed than the test's: a model must not be tested on the noise that it was trained with
        noises = [writer.compute(AudioCondition(noise, seed + 1), loudness_of) for noise in ("white", "pink")]
        (folder / "bank").mkdir()
        np.save(
            folder / "bank/sounds.npy", np.concatenate([*noises, silence.repeat(len(loudness_of), axis=0)])
        )
        pd.DataFrame(sources, columns=list(AudioSource._fields)).to_parquet(folder / "sources.parquet")


@dataclass(frozen=True)
class _Writer:
    """Computes features of negative audio and saves them by condition."""

    folder: Path
    clips: Sequence[Clip]
    extractor: AudioFeatureExtractor
    device: str
    workers: Workers

    def compute(self, work: AudioCondition, clips: Sequence[Clip]) -> np.ndarray:
        """Features (n, 5, 128) of the sounds of n clips under a condition."""
        patches = self.folder / "patches.npy"
        pack_patches(work, clips, patches, workers=self.workers, what=f"sounds: {work.condition}")
        extracted = self.extractor.extract(np.load(patches, mmap_mode="r"), self.device, self.workers.track)
        patches.unlink()
        return self.extractor.standardise(extracted)

    def save(self, condition: str, rows: Sequence[int], values: np.ndarray) -> None:
        """Save the features of the clips at `rows`; all others are NaN."""
        packed = np.full((len(self.clips), FRAMES, values.shape[-1]), np.nan, np.float32)
        packed[list(rows)] = values
        np.save(self.folder / f"{condition}.npy", packed)
