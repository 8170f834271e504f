"""Which other sound a clip is given under each condition of the listening test. Without torch."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.logmel import RATE
from pipeline.audio.spectrograms import clip_wave
from pipeline.data.categories import SPLITS
from pipeline.data.clip import Clip
from pipeline.data.video import read_mono
from pipeline.utils.random_streams import AudioStream

CONDITIONS: tuple[str, ...] = (
    "silence",  # digital silence
    "white",  # white noise, as loud as the clip's own sound (RMS)
    "pink",  # pink noise (power falls as 1/f), as loud
    "other_category",  # a clip of the same split whose category is neither heard nor seen in this one
    "same_category",  # another clip of the same category and split
    "shifted",  # the clip's own sound, 1 to 4 s later, the end brought to the front
    "silent_object",  # the sound of the visible object that is silent
)


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
        rng = np.random.default_rng([seed, SPLITS.index(split), AudioStream.OTHER_CATEGORY])
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
        rng = np.random.default_rng(
            [seed, SPLITS.index(split), AudioStream.SAME_CATEGORY, zlib.crc32(category.encode())]
        )
        ring = rng.permutation(rows)
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
class AudioCondition:
    """A clip's sound under one condition, picklable; seed and name alone decide its numbers."""

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
