from __future__ import annotations

import numpy as np

from pipeline.dataset.negative_sampler import NegativeSampler

# clip r sounds r everywhere; the bank's sounds are negative
AUDIO = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None], (8, 5, 128))
BANK = np.broadcast_to(-np.arange(1, 4, dtype=np.float32)[:, None, None], (3, 5, 128))
CATEGORY = list("aabbccdd")
TRAIN = np.arange(6)  # the last two clips are of another split


def sounds(category: list[str] = CATEGORY, share: float = 0.5, copy_paste: float = 0.5) -> NegativeSampler:
    return NegativeSampler(AUDIO, BANK, category, TRAIN, share=share, copy_paste=copy_paste, seed=1)


def test_shares_of_a_batch() -> None:
    rows = np.array([4, 0, 3, 1])
    for share, expected in ((0.5, 2), (1.0, 4), (0.01, 1)):
        drawn = sounds(share=share).draw(rows, 1)
        assert drawn.audio.shape == (expected, 5, 128)
        assert drawn.sources.shape == drawn.paste.shape == (expected,)


def test_what_is_heard() -> None:
    rows = np.arange(6)
    values, sources, pasted = [], [], []
    for epoch in range(200):
        drawn = sounds(share=1.0).draw(rows, epoch)
        for row, value, source in zip(rows, drawn.audio[:, 0, 0], drawn.sources, strict=True):
            if source >= 0:  # another category's clip of the train split
                assert value == source < 6 and CATEGORY[source] != CATEGORY[row]
            else:
                assert value < 0
            values.append(float(value))
        sources += drawn.sources.tolist()
        pasted += drawn.paste.tolist()
    others = np.array(sources) >= 0
    assert 0.7 < others.mean() < 0.8
    assert not np.array(pasted)[~others].any()
    assert 0.45 < np.array(pasted)[others].mean() < 0.55
    assert set(values) == {0, 1, 2, 3, 4, 5, -1, -2, -3}


def test_shares_of_what_is_pasted() -> None:
    for share in (0.0, 1.0):
        drawn = sounds(share=1.0, copy_paste=share).draw(np.arange(6), 3)
        assert np.array_equal(drawn.paste, (drawn.sources >= 0) & (share == 1))


def test_without_categories_only_the_bank() -> None:
    drawn = sounds([""] * 8, share=1.0).draw(np.arange(6), 3)
    assert (drawn.sources == -1).all()


def test_validation_hears_another_category() -> None:
    rows = np.array([7, 0, 6])
    heard = sounds().for_validation(rows)
    assert heard.shape == (3, 5, 128) and heard.dtype == np.float32
    sources = heard[:, 0, 0].astype(int).tolist()
    assert all(
        0 <= source < 6 and CATEGORY[source] != CATEGORY[row]
        for row, source in zip(rows, sources, strict=True)
    )
    assert np.array_equal(sounds().for_validation(rows[::-1]), heard[::-1])  # neither order nor seed matters
    assert (sounds([""] * 8).for_validation(rows) < 0).all()


def test_the_clip_and_the_epoch_decide() -> None:
    one = sounds(share=1.0).draw(np.array([2, 5]), 4)
    other = sounds(share=1.0).draw(np.array([5, 2]), 4)
    assert all(np.array_equal(a, b[::-1]) for a, b in zip(one, other, strict=True))
