"""Other sounds for each clip, the picture kept: what a model that listens must not take for its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.audio.conditions import AudioCondition, other_category, same_category
from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.logmel import RATE
from pipeline.audio.spectrograms import pack_examples
from pipeline.data.catalog import clips_of
from pipeline.data.categories import FRAMES, SPLITS
from pipeline.data.clip import Clip
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder
from pipeline.utils.progress import Track, no_progress
from pipeline.utils.random_streams import AudioStream

BANK_CLIPS = 16  # train clips whose loudness the bank's noises take
COLUMNS: tuple[str, ...] = ("name", "condition", "donor", "detail")


class Donor(NamedTuple):
    """Where the sound of one clip under one condition comes from; a row of donors.parquet."""

    name: str
    condition: str
    donor: str  # the clip whose sound is heard; '' where it is made
    detail: str


def build_negatives(
    catalog: pd.DataFrame,
    audio: Path,
    out: Path,
    *,
    seed: int,
    splits: Sequence[str] = SPLITS,
    device: str = "cpu",
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
) -> None:
    """Write the folder `out`, whole or not at all.

    `{condition}.npy` float32 (N, 5, 128) for each of `othersounds.CONDITIONS` that at least one clip has,
    rows as in the catalogue, NaN for a clip without it (no silent object, no other clip); and
    `donors.parquet`, one row for each clip and condition that exist, telling whose sound it is.
    Sounds that need VGGish anew (noise, shifts, the silent object's) are made for `splits` alone.

    `bank/sounds.npy` float32 (K, 5, 128): sounds that no object makes, for training: silence, white and pink
    noise in equal parts, drawn apart from those of the listening test.

    All go through the recipe that made the clips' own features, in the folder `audio`: features made another
    way could be told by the way.
    """
    clips = clips_of(catalog)
    recipe = AudioFeatureExtractor.from_folder(audio)
    features = np.load(audio / "features.npy", mmap_mode="r")
    if len(features) != len(clips):
        raise PipelineError(
            f"{audio}: has {len(features)} clips, the catalogue {len(clips)}; run `dvc repro audio`."
        )
    donors: list[Donor] = []
    with atomic_folder(out) as folder:

        def save(condition: str, rows: Sequence[int], values: np.ndarray) -> None:
            packed = np.full((len(clips), FRAMES, features.shape[2]), np.nan, np.float32)
            packed[list(rows)] = values
            np.save(folder / f"{condition}.npy", packed)

        def made(work: AudioCondition, items: Sequence[Clip]) -> np.ndarray:
            examples, what = folder / "examples.npy", f"sounds: {work.condition}"
            pack_examples(work, items, examples, jobs=jobs, backend=backend, track=track, what=what)
            raw = recipe.raw(np.load(examples, mmap_mode="r"), device, track)
            examples.unlink()
            return recipe.standardise(raw)

        quiet = recipe.features([np.zeros(FRAMES * RATE, np.float32)], device)
        save("silence", range(len(clips)), quiet)
        donors += [Donor(clip.name, "silence", "", "") for clip in clips]
        for condition, chosen in (
            ("other_category", other_category(clips, seed)),
            ("same_category", same_category(clips, seed)),
        ):
            rows = [row for row, donor in enumerate(chosen) if donor is not None]
            if rows:
                save(condition, rows, features[[chosen[row] for row in rows]])
                donors += [
                    Donor(clips[row].name, condition, clips[chosen[row] or 0].name, "") for row in rows
                ]
        for condition in ("white", "pink", "shifted", "silent_object"):
            rows = [
                row
                for row, clip in enumerate(clips)
                if clip.split in splits and (condition != "silent_object" or clip.silent_audio)
            ]
            if not rows:
                continue
            work, items = AudioCondition(condition, seed), [clips[row] for row in rows]
            save(condition, rows, made(work, items))
            donors += [Donor(clip.name, condition, "", work.detail(clip)) for clip in items]
        heard = [clip for clip in clips if clip.split == "train"]
        chosen_few = [
            heard[row]
            for row in np.random.default_rng([seed, AudioStream.BANK]).permutation(len(heard))[:BANK_CLIPS]
        ]
        noises = [made(AudioCondition(noise, seed + 1), chosen_few) for noise in ("white", "pink")]
        (folder / "bank").mkdir()
        np.save(folder / "bank/sounds.npy", np.concatenate([*noises, quiet.repeat(len(chosen_few), axis=0)]))
        pd.DataFrame(donors, columns=list(COLUMNS)).to_parquet(folder / "donors.parquet")
