"""Other sounds for each clip, the picture kept: what a model that listens must not take for its own."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.audio import clip_wave, pack_examples
from pipeline.catalog import clips_of
from pipeline.categories import FRAMES, SPLITS
from pipeline.clip import Clip
from pipeline.errors import PipelineError
from pipeline.files import atomic_folder
from pipeline.logmel import RATE
from pipeline.progress import Track, silent
from pipeline.recipe import AudioRecipe
from pipeline.video import read_mono

CONDITIONS: tuple[str, ...] = (
    "silence",  # digital silence
    "white",  # white noise, as loud as the clip's own sound (RMS)
    "pink",  # pink noise (power falls as 1/f), as loud
    "other_category",  # a clip of the same split whose category is neither heard nor seen in this one
    "same_category",  # another clip of the same category and split
    "shifted",  # the clip's own sound, 1 to 4 s later, the end brought to the front
    "silent_object",  # the sound of the visible object that is silent
)
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
    device: str = "cpu",
    jobs: int = -1,
    backend: str = "loky",
    track: Track = silent,
) -> None:
    """Write the folder `out`, whole or not at all.

    `{condition}.npy` float32 (N, 5, 128) for each of `CONDITIONS` that the data allow for a clip at least,
    rows as in the catalogue, NaN for a clip without that condition (no silent object, no other clip); and
    `donors.parquet`: one row for each clip and condition that exist, telling whose sound it is.

    All go through the recipe that made the clips' own features, in the folder `audio`: features made another
    way could be told by the way.
    """
    clips = clips_of(catalog)
    recipe = AudioRecipe.from_folder(audio)
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
                row for row, clip in enumerate(clips) if condition != "silent_object" or clip.silent_audio
            ]
            if not rows:
                continue
            examples = folder / "examples.npy"
            work = _Sound(condition, seed)
            items = [clips[row] for row in rows]
            pack_examples(
                work, items, examples, jobs=jobs, backend=backend, track=track, what=f"sounds: {condition}"
            )
            raw = recipe.raw(np.load(examples, mmap_mode="r"), device, track)
            save(condition, rows, recipe.standardise(raw))
            examples.unlink()
            donors += [Donor(clip.name, condition, "", work.detail(clip)) for clip in items]
        pd.DataFrame(donors, columns=list(COLUMNS)).to_parquet(folder / "donors.parquet")


def other_category(clips: Sequence[Clip], seed: int) -> list[int | None]:
    """For each clip the number of one in its split whose category is not its own, nor its silent object's.

    A random exchange of sounds in which every clip gives its sound once, as far as the categories allow; else
    a random choice. None where the split has no such clip. Clips without a category (MS3) take any other
    clip.
    """

    def fits(taker: int, giver: int) -> bool:
        seen = {clips[taker].category, clips[taker].silent_category}
        return taker != giver and (not clips[giver].category or clips[giver].category not in seen)

    chosen: list[int | None] = [None] * len(clips)
    for split in SPLITS:
        rows = [row for row, clip in enumerate(clips) if clip.split == split]
        rng = np.random.default_rng([seed, SPLITS.index(split), 1])
        givers = dict(zip(rows, rng.permutation(rows).tolist(), strict=True))
        for taker in rows:
            if fits(taker, givers[taker]):
                continue
            for other in rng.permutation(rows).tolist():  # exchange with one that both then suit
                if fits(taker, givers[other]) and fits(other, givers[taker]):
                    givers[taker], givers[other] = givers[other], givers[taker]
                    break
        for taker in rows:
            if not fits(taker, givers[taker]):
                suitable = [row for row in rows if fits(taker, row)]
                givers[taker] = int(rng.choice(suitable)) if suitable else -1
            chosen[taker] = givers[taker] if givers[taker] >= 0 else None
    return chosen


def same_category(clips: Sequence[Clip], seed: int) -> list[int | None]:
    """For each clip the number of another of its category and split, each giving its sound once; None if
    alone.

    None for clips without a category (MS3).
    """
    chosen: list[int | None] = [None] * len(clips)
    groups: dict[tuple[str, str], list[int]] = {}
    for row, clip in enumerate(clips):
        if clip.category:
            groups.setdefault((clip.split, clip.category), []).append(row)
    for (split, category), rows in groups.items():
        ring = np.random.default_rng(
            [seed, SPLITS.index(split), 2, zlib.crc32(category.encode())]
        ).permutation(rows)
        if len(ring) > 1:
            for taker, giver in zip(ring, np.roll(ring, -1), strict=True):
                chosen[int(taker)] = int(giver)
    return chosen


def white_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) float32 of RMS 1, equal power at all frequencies."""
    return _of_loudness(rng.standard_normal(samples), 1.0)


def pink_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) float32 of RMS 1, power falling as 1/f."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    return _of_loudness(np.fft.irfft(spectrum, samples), 1.0)


def loudness(wave: np.ndarray) -> float:
    """Root mean square of a wave."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def _of_loudness(wave: np.ndarray, rms: float) -> np.ndarray:
    return (wave * (rms / max(loudness(wave), 1e-12))).astype(np.float32)


@dataclass(frozen=True)
class _Sound:
    """A clip's sound under one condition, picklable. Its numbers depend on the seed and the clip's name alone."""

    condition: str
    seed: int

    def __call__(self, clip: Clip) -> np.ndarray:
        if self.condition == "silent_object":
            assert clip.silent_audio is not None
            return read_mono(Path(clip.silent_audio))
        own = clip_wave(clip)
        if self.condition == "shifted":
            return np.roll(own, round(self._shift(clip) * RATE))
        noise: Callable[[int, np.random.Generator], np.ndarray] = (
            white_noise if self.condition == "white" else pink_noise
        )
        return noise(own.size, self._rng(clip)) * np.float32(loudness(own))

    def detail(self, clip: Clip) -> str:
        """What donors.parquet tells of the sound."""
        if self.condition == "shifted":
            return f"{self._shift(clip):.3f} s later"
        if self.condition == "silent_object":
            return clip.silent_category or ""
        return "as loud as the clip"

    def _rng(self, clip: Clip) -> np.random.Generator:
        return np.random.default_rng(
            [self.seed, CONDITIONS.index(self.condition), zlib.crc32(clip.name.encode())]
        )

    def _shift(self, clip: Clip) -> float:
        return float(self._rng(clip).uniform(1, 4))
