"""Other sounds that training hears beside the clips' own, so that a model learns what not to show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class NegativeSounds:
    """Draws one other sound for each of the first clips of a batch: half of them from the bank, half of
    another category's train clip. Seed, epoch and clip alone decide which.

    Args:
        audio: (N, T, 128) float32, the clips' own features.
        bank: (K, T, 128) float32: silence and noise, made by the recipe that made `audio`.
        category: (N,) of each clip; sounds of the same category are not taken.
        rows: the clips whose sounds may be taken: the train split.
        share: of a batch's clips that are given another sound; at least one clip is.
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
        seed: int,
    ) -> None:
        self.audio, self.bank = audio, bank
        self.category = np.asarray(category)
        self.rows, self.share, self.seed = rows, share, seed

    def draw(self, rows: NDArray, epoch: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Other sounds for the first n of the clips at `rows`: (n, T, 128), and whether each is off-screen
        sound (of another category's clip) rather than silence or noise: (n,) bool.
        """
        count = max(1, round(self.share * len(rows)))
        drawn = [self._one(int(row), epoch) for row in rows[:count]]
        return np.stack([sound for sound, _ in drawn]), np.array([offscreen for _, offscreen in drawn])

    def _one(self, row: int, epoch: int) -> tuple[NDArray[np.float32], bool]:
        rng = np.random.default_rng([self.seed, epoch, row, 1])
        others = self.rows[self.category[self.rows] != self.category[row]]
        if len(others) and rng.random() < 0.5:
            return np.asarray(self.audio[rng.choice(others)]), True
        return np.asarray(self.bank[rng.integers(len(self.bank))]), False
