"""Other sounds that training hears beside the clips' own, so that a model learns what not to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BANK_SHARE = 0.25  # of silence and noise among the other sounds: they are learned soonest


class NegativeSample(NamedTuple):
    """Other sounds for n clips.

    Attributes:
        sounds: (n, T, 128) float32.
        donors: (n,) int64, the row of the clip whose sound it is; -1 for silence and noise.
        pasted: (n,) bool, whether that clip's object is to come into the picture with its sound.
    """

    sounds: NDArray[np.float32]
    donors: NDArray[np.int64]
    pasted: NDArray[np.bool_]


class NegativeSampler:
    """Draws one other sound for each of the first clips of a batch: a quarter of them from the bank, the
    others of another category's train clip. Seed, epoch and clip alone decide which.

    Args:
        audio: (N, T, 128) float32, the clips' own features.
        bank: (K, T, 128) float32: silence and noise, made by the recipe that made `audio`.
        category: (N,) of each clip; sounds of the same category are not taken.
        rows: the clips whose sounds may be taken: the train split.
        share: of a batch's clips that are given another sound; at least one clip is.
        pasted_share: of the other clips' sounds, those that bring their object into the picture.
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
        pasted_share: float,
        seed: int,
    ) -> None:
        self.audio, self.bank = audio, bank
        self.category = np.asarray(category)
        self.rows, self.share, self.pasted_share, self.seed = rows, share, pasted_share, seed

    def draw(self, rows: NDArray, epoch: int) -> NegativeSample:
        """Other sounds for the first of the clips at `rows`."""
        count = max(1, round(self.share * len(rows)))
        sounds, donors, pasted = zip(*(self._one(int(row), epoch) for row in rows[:count]), strict=True)
        return NegativeSample(np.stack(sounds), np.array(donors, np.int64), np.array(pasted, bool))

    def unlike(self, rows: NDArray) -> NDArray[np.float32]:
        """(n, T, 128): for each of the clips at `rows` a train clip's sound of another category, the same
        whenever asked and for every seed; silence or noise where there is no other category.
        """
        return np.stack([self._unlike(int(row)) for row in rows])

    def _unlike(self, row: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([row, 3])
        others = self.rows[self.category[self.rows] != self.category[row]]
        return np.asarray(
            self.audio[rng.choice(others)] if len(others) else self.bank[rng.integers(len(self.bank))]
        )

    def _one(self, row: int, epoch: int) -> tuple[NDArray[np.float32], int, bool]:
        rng = np.random.default_rng([self.seed, epoch, row, 1])
        others = self.rows[self.category[self.rows] != self.category[row]]
        if len(others) and rng.random() >= BANK_SHARE:
            donor = int(rng.choice(others))
            return np.asarray(self.audio[donor]), donor, bool(rng.random() < self.pasted_share)
        return np.asarray(self.bank[rng.integers(len(self.bank))]), -1, False
