from __future__ import annotations

import numpy as np

from pipeline.negative_sounds import NegativeSounds

# clip r sounds r everywhere; the bank's sounds are negative
AUDIO = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None], (8, 5, 128))
BANK = np.broadcast_to(-np.arange(1, 4, dtype=np.float32)[:, None, None], (3, 5, 128))
CATEGORY = list("aabbccdd")
TRAIN = np.arange(6)  # the last two clips are of another split


def sounds(category: list[str] = CATEGORY, share: float = 0.5) -> NegativeSounds:
    return NegativeSounds(AUDIO, BANK, category, TRAIN, share=share, seed=1)


def test_shares_of_a_batch() -> None:
    rows = np.array([4, 0, 3, 1])
    for share, expected in ((0.5, 2), (1.0, 4), (0.01, 1)):
        drawn, offscreen = sounds(share=share).draw(rows, 1)
        assert drawn.shape == (expected, 5, 128) and offscreen.shape == (expected,)


def test_what_is_heard() -> None:
    rows = np.arange(6)
    seen = []
    for epoch in range(200):
        drawn, offscreen = sounds(share=1.0).draw(rows, epoch)
        for row, value, other in zip(rows, drawn[:, 0, 0], offscreen, strict=True):
            if other:  # another category's clip of the train split
                assert 0 <= value < 6 and CATEGORY[int(value)] != CATEGORY[row]
            else:
                assert value < 0
            seen.append((value, other))
    assert 0.45 < np.mean([other for _, other in seen]) < 0.55
    assert {value for value, _ in seen} == {0, 1, 2, 3, 4, 5, -1, -2, -3}


def test_without_categories_only_the_bank() -> None:
    _, offscreen = sounds([""] * 8, share=1.0).draw(np.arange(6), 3)
    assert not offscreen.any()


def test_the_clip_and_the_epoch_decide() -> None:
    one, _ = sounds(share=1.0).draw(np.array([2, 5]), 4)
    other, _ = sounds(share=1.0).draw(np.array([5, 2]), 4)
    assert np.array_equal(one, other[::-1])
