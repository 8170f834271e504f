"""Audio conditions: the negative audio that a clip is given in the audio-sensitivity test.

Without torch, so that the processes that decode start fast.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.spectrograms import clip_wave
from pipeline.data.clip import SPLITS, Clip
from pipeline.data.sound import RATE, read_mono
from pipeline.utils.random_streams import AudioStream

CONDITIONS: tuple[str, ...] = (
    "silence",  # digital silence
    "white",  # white noise, as loud as the clip's own sound (RMS)
    "pink",  # pink noise (power falls as 1/f), as loud
    "other_category",  # a clip of the same split whose category is neither heard nor seen in this one
    "same_category",  # another clip of the same category and split
    "shifted",  # the clip's own sound, 1 to 4 s later, the end moved to the front
    "silent_object",  # the sound of the visible object that is silent
)


def other_category(clips: Sequence[Clip], seed: int) -> list[int | None]:
    """Choose for each clip a source of sound of another category than its own and its silent object's.

    A random exchange within each split, in which every clip is a source once as far as the categories allow;
    else a random choice. Clips without a category (MS3) take any other clip.

    Args:
        clips: the catalogue.
        seed: of the choice.

    Returns:
        For each clip the index of its source; None if its split has no suitable clip.
    """

    def suits(clip: int, source: int) -> bool:
        seen = {clips[clip].category, clips[clip].silent_category}
        return clip != source and (not clips[source].category or clips[source].category not in seen)

    chosen: list[int | None] = [None] * len(clips)
    for split in SPLITS:
        rows = [row for row, clip in enumerate(clips) if clip.split == split]
        rng = np.random.default_rng([seed, SPLITS.index(split), AudioStream.OTHER_CATEGORY])
        sources = dict(zip(rows, rng.permutation(rows).tolist(), strict=True))
        for row in rows:
            if suits(row, sources[row]):
                continue
            for other in rng.permutation(rows).tolist():  # exchange with one if both then have a suitable one
                if suits(row, sources[other]) and suits(other, sources[row]):
                    sources[row], sources[other] = sources[other], sources[row]
                    break
        for row in rows:
            if not suits(row, sources[row]):
                suitable = [other for other in rows if suits(row, other)]
                sources[row] = int(rng.choice(suitable)) if suitable else -1
            chosen[row] = sources[row] if sources[row] >= 0 else None
    return chosen


def same_category(clips: Sequence[Clip], seed: int) -> list[int | None]:
    """Choose for each clip a source of sound of its own category and split; every clip is a source once.

    Args:
        clips: the catalogue.
        seed: of the choice.

    Returns:
        For each clip the index of its source; None for the only clip of its category, and for clips without a
        category (MS3).
    """
    chosen: list[int | None] = [None] * len(clips)
    groups: dict[tuple[str, str], list[int]] = {}
    for row, clip in enumerate(clips):
        if clip.category:
            groups.setdefault((clip.split, clip.category), []).append(row)
    for (split, category), rows in groups.items():
        key = [seed, SPLITS.index(split), AudioStream.SAME_CATEGORY, zlib.crc32(category.encode())]
        ring = np.random.default_rng(key).permutation(rows)
        if len(ring) > 1:
            for row, source in zip(ring, np.roll(ring, -1), strict=True):
                chosen[int(row)] = int(source)
    return chosen


def white_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """White noise, (samples,) float32 of RMS 1: equal power at all frequencies."""
    return _scaled_to_rms(rng.standard_normal(samples), 1.0)


def pink_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Pink noise, (samples,) float32 of RMS 1: power falls as 1/f."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    return _scaled_to_rms(np.fft.irfft(spectrum, samples), 1.0)


def rms(wave: np.ndarray) -> float:
    """Root mean square of a wave: its loudness."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def _scaled_to_rms(wave: np.ndarray, wanted: float) -> np.ndarray:
    return (wave * (wanted / max(rms(wave), 1e-12))).astype(np.float32)


@dataclass(frozen=True)
class AudioCondition:
    """A clip's sound under a condition that must be computed; picklable.

    Seed, condition and the clip's name alone decide its random numbers.

    Attributes:
        condition: white, pink, shifted or silent_object.
        seed: of the noise or the shift.
    """

    condition: str
    seed: int

    def __call__(self, clip: Clip) -> np.ndarray:
        """The sound of one clip, (samples,) float32 mono at 16 kHz."""
        if self.condition == "silent_object":
            assert clip.silent_audio is not None
            return read_mono(Path(clip.silent_audio))
        own = clip_wave(clip)
        if self.condition == "shifted":
            return np.roll(own, round(self._shift(clip) * RATE))
        noise: Callable[[int, np.random.Generator], np.ndarray] = (
            white_noise if self.condition == "white" else pink_noise
        )
        return noise(own.size, self._rng(clip)) * np.float32(rms(own))

    def detail(self, clip: Clip) -> str:
        """A description of the sound, for sources.parquet."""
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
