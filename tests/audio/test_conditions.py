"""Audio conditions: which clip is given whose sound, and what computed sounds are like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.conditions import (
    AudioCondition,
    other_category,
    pink_noise,
    rms,
    same_category,
    white_noise,
)
from pipeline.data.clip import Clip
from pipeline.data.sound import read_mono
from tests.helpers.trees import write_sound

CATEGORIES = ("cat_meowing", "race_car", "helicopter", "dog_barking")


def _clip(name: str, split: str, category: str, silent: str | None = None, audio: str = "a.wav") -> Clip:
    return Clip(name, category, split, 0, None, audio, ["f.png"] * 5, [None] * 5, silent, None, None)


_WORLDS = st.lists(
    st.tuples(
        st.sampled_from(("train", "test")),
        st.sampled_from(CATEGORIES),
        st.sampled_from((None, *CATEGORIES)),
    ),
    min_size=1,
    max_size=25,
).map(lambda rows: [_clip(f"c{n}", split, *rest) for n, (split, *rest) in enumerate(rows)])


@given(_WORLDS, st.integers(0, 5))
def test_other_category_is_neither_heard_nor_seen(clips: list[Clip], seed: int) -> None:
    chosen = other_category(clips, seed)
    assert chosen == other_category(clips, seed)
    for clip, number in zip(clips, chosen, strict=True):
        seen = {clip.category, clip.silent_category}
        suitable = [source for source in clips if source.split == clip.split and source.category not in seen]
        if number is None:
            assert not suitable
        else:
            assert clips[number] in suitable


@given(_WORLDS, st.integers(0, 5))
def test_same_category_is_another_clip(clips: list[Clip], seed: int) -> None:
    chosen = same_category(clips, seed)
    for row, number in enumerate(chosen):
        kin = [c for c in clips if (c.split, c.category) == (clips[row].split, clips[row].category)]
        assert (number is None) == (len(kin) == 1)
        if number is not None:
            assert number != row
            assert clips[number] in kin
    given_away = [number for number in chosen if number is not None]
    assert len(set(given_away)) == len(given_away)


def test_sounds_are_exchanged_each_once_where_categories_allow() -> None:
    clips = [_clip(f"{category}{n}", "test", category) for category in CATEGORIES for n in range(6)]
    for seed in range(5):
        assert sorted(n for n in other_category(clips, seed) if n is not None) == list(range(24))
    assert other_category(clips, 0) != other_category(clips, 1)


def test_clips_without_category_exchange_with_any_other() -> None:
    clips = [_clip(f"m{n}", "val", "") for n in range(5)]
    chosen = other_category(clips, 0)
    assert all(number is not None and number != row for row, number in enumerate(chosen))
    assert same_category(clips, 0) == [None] * 5


def test_noise_has_its_spectrum_and_rms() -> None:
    rng = np.random.default_rng(0)
    for noise, slope in ((white_noise, 0.0), (pink_noise, -1.0)):
        wave = noise(160_000, rng)
        assert wave.dtype == np.float32
        assert rms(wave) == pytest.approx(1, abs=1e-5)
        power = np.abs(np.fft.rfft(wave)) ** 2
        octaves = [power[1000 * 2**n : 2000 * 2**n].mean() for n in range(6)]
        assert np.polyfit(np.arange(6), np.log2(octaves), 1)[0] == pytest.approx(slope, abs=0.1)


def test_same_seed_same_sounds(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.4, 0.4, 80_000))
    clip = _clip("a", "train", "race_car", audio=str(tmp_path / "a.wav"))
    own = read_mono(Path(clip.audio or ""))
    for condition in ("white", "pink", "shifted"):
        wave = AudioCondition(condition, 0)(clip)
        np.testing.assert_array_equal(wave, AudioCondition(condition, 0)(clip))
        assert not np.array_equal(wave, AudioCondition(condition, 1)(clip))
        assert not np.array_equal(wave, AudioCondition(condition, 0)(clip._replace(name="other")))
        assert rms(wave) == pytest.approx(rms(own), rel=1e-4)
    shifted = AudioCondition("shifted", 0)(clip)
    steps = [step for step in range(16_000, 64_001) if shifted[step] == own[0]]
    assert any(np.array_equal(np.roll(own, step), shifted) for step in steps)
