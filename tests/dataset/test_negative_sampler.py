from __future__ import annotations

import numpy as np

from pipeline.dataset.negative_sampler import NegativeSampler

# clip r sounds r everywhere; the bank's sounds are negative
AUDIO = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None], (8, 5, 128))
BANK = np.broadcast_to(-np.arange(1, 4, dtype=np.float32)[:, None, None], (3, 5, 128))
CATEGORY = list("aabbccdd")
TRAIN = np.arange(6)  # the last two clips are of another split


def sounds(category: list[str] = CATEGORY, share: float = 0.5, pasted_share: float = 0.5) -> NegativeSampler:
    return NegativeSampler(AUDIO, BANK, category, TRAIN, share=share, pasted_share=pasted_share, seed=1)


def test_shares_of_a_batch() -> None:
    rows = np.array([4, 0, 3, 1])
    for share, expected in ((0.5, 2), (1.0, 4), (0.01, 1)):
        drawn = sounds(share=share).draw(rows, 1)
        assert drawn.sounds.shape == (expected, 5, 128)
        assert drawn.donors.shape == drawn.pasted.shape == (expected,)


def test_what_is_heard() -> None:
    rows = np.arange(6)
    values, donors, pasted = [], [], []
    for epoch in range(200):
        drawn = sounds(share=1.0).draw(rows, epoch)
        for row, value, donor in zip(rows, drawn.sounds[:, 0, 0], drawn.donors, strict=True):
            if donor >= 0:  # another category's clip of the train split
                assert value == donor < 6 and CATEGORY[donor] != CATEGORY[row]
            else:
                assert value < 0
            values.append(float(value))
        donors += drawn.donors.tolist()
        pasted += drawn.pasted.tolist()
    others = np.array(donors) >= 0
    assert 0.7 < others.mean() < 0.8
    assert not np.array(pasted)[~others].any()
    assert 0.45 < np.array(pasted)[others].mean() < 0.55
    assert set(values) == {0, 1, 2, 3, 4, 5, -1, -2, -3}


def test_shares_of_what_is_pasted() -> None:
    for share in (0.0, 1.0):
        drawn = sounds(share=1.0, pasted_share=share).draw(np.arange(6), 3)
        assert np.array_equal(drawn.pasted, (drawn.donors >= 0) & (share == 1))


def test_without_categories_only_the_bank() -> None:
    drawn = sounds([""] * 8, share=1.0).draw(np.arange(6), 3)
    assert (drawn.donors == -1).all()


def test_sounds_unlike_the_clips_own() -> None:
    rows = np.array([7, 0, 6])
    heard = sounds().unlike(rows)
    assert heard.shape == (3, 5, 128) and heard.dtype == np.float32
    donors = heard[:, 0, 0].astype(int).tolist()
    assert all(
        0 <= donor < 6 and CATEGORY[donor] != CATEGORY[row] for row, donor in zip(rows, donors, strict=True)
    )
    assert np.array_equal(sounds().unlike(rows[::-1]), heard[::-1])  # neither order nor seed matters
    assert (sounds([""] * 8).unlike(rows) < 0).all()


def test_the_clip_and_the_epoch_decide() -> None:
    one = sounds(share=1.0).draw(np.array([2, 5]), 4)
    other = sounds(share=1.0).draw(np.array([5, 2]), 4)
    assert all(np.array_equal(a, b[::-1]) for a, b in zip(one, other, strict=True))
