"""Negative audio for training: silence, noise, or the sound of another category's clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.utils.random_streams import TrainingStream

BANK_SHARE = 0.25  # of silence and noise among the negative audio: they are learned first


class NegativeSample(NamedTuple):
    """Negative audio for n clips.

    Attributes:
        audio: (n, T, D) float32.
        sources: (n,) int64, the row of the clip whose audio it is; -1 for silence and noise.
        paste: (n,) bool, whether that clip's object is to be pasted into the picture.
    """

    audio: NDArray[np.float32]
    sources: NDArray[np.int64]
    paste: NDArray[np.bool_]


class NegativeSampler:
    """Draws negative audio for the first clips of a batch.

    A quarter of it is silence and noise, the rest the audio of train clips of another category. Only seed,
    epoch and clip decide, so every variant with the same seed draws the same.

    Args:
        audio: (N, T, D) float32, the clips' own features.
        bank: (K, T, D) float32: silence and noise, from the extractor that made `audio`.
        category: (N,) of each clip; audio of the same category is never a negative.
        rows: the clips whose audio may be taken: the train split.
        share: of a batch's clips that get negative audio; at least one does.
        copy_paste: of those that get another clip's audio: its object is to be pasted.
        seed: of the run.
    """

    def __init__(
        self,
        audio: NDArray,
        bank: NDArray,
        category: Sequence[str] | NDArray,
        rows: NDArray,
        *,
        share: float,
        copy_paste: float,
        seed: int,
    ) -> None:
        self.audio, self.bank = audio, bank
        self.category = np.asarray(category)
        self.rows, self.share, self.copy_paste, self.seed = rows, share, copy_paste, seed

    def draw(self, rows: NDArray, epoch: int) -> NegativeSample:
        """Negative audio for the first of the clips at `rows`."""
        count = max(1, round(self.share * len(rows)))
        audio, sources, paste = zip(*(self._one(int(row), epoch) for row in rows[:count]), strict=True)
        return NegativeSample(np.stack(audio), np.array(sources, np.int64), np.array(paste, bool))

    def for_validation(self, rows: NDArray) -> NDArray[np.float32]:
        """A train clip's audio of another category for each of the clips at `rows`: (n, T, D).

        The same for every call and seed; silence or noise where there is no other category.
        """
        return np.stack([self._for_validation(int(row)) for row in rows])

    def _for_validation(self, row: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([row, TrainingStream.VALIDATION_AUDIO])
        others = self._other_category(row)
        return np.asarray(
            self.audio[rng.choice(others)] if len(others) else self.bank[rng.integers(len(self.bank))]
        )

    def _one(self, row: int, epoch: int) -> tuple[NDArray[np.float32], int, bool]:
        rng = np.random.default_rng([self.seed, epoch, row, TrainingStream.NEGATIVE_AUDIO])
        others = self._other_category(row)
        if len(others) and rng.random() >= BANK_SHARE:
            source = int(rng.choice(others))
            return np.asarray(self.audio[source]), source, bool(rng.random() < self.copy_paste)
        return np.asarray(self.bank[rng.integers(len(self.bank))]), -1, False

    def _other_category(self, row: int) -> NDArray[np.int64]:
        return self.rows[self.category[self.rows] != self.category[row]]
