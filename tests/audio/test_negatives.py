"""Negative audio: which clip is given whose sound, what computed sounds are like, and their features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.conditions import (
    CONDITIONS,
    AudioCondition,
    other_category,
    pink_noise,
    rms,
    same_category,
    white_noise,
)
from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.features import build_audio
from pipeline.audio.negatives import build_negatives
from pipeline.data.catalog import clips_of, to_frame
from pipeline.data.clip import Clip
from pipeline.data.sound import read_mono
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.trees import tone, write_sound

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


@pytest.fixture
def world(tmp_path: Path) -> tuple[pd.DataFrame, Path]:
    """Four clips, two of a category; one has a silent object whose sound is known; and their features."""
    rng = np.random.default_rng(0)
    clips = []
    for name, split, category in (
        ("a", "train", "race_car"),
        ("b", "train", "race_car"),
        ("c", "train", "cat_meowing"),
        ("d", "test", "cat_meowing"),
    ):
        path = tmp_path / f"{name}.wav"
        write_sound(path, rng.uniform(-0.4, 0.4, 80_000) if category == "race_car" else tone(5, 16_000))
        clips.append(_clip(name, split, category, audio=str(path)))
    write_sound(tmp_path / "silent.wav", tone(5, 16_000, 2000))
    clips[0] = clips[0]._replace(silent_audio=str(tmp_path / "silent.wav"), silent_category="helicopter")
    catalog = to_frame(clips)
    build_audio(catalog, tmp_path / "audio", workers=SERIAL)
    return catalog, tmp_path / "audio"


def test_what_is_packed(world: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    catalog, audio = world
    out = tmp_path / "negatives"
    build_negatives(catalog, audio, out, seed=0, workers=SERIAL)
    packed = {name: np.load(out / f"{name}.npy") for name in CONDITIONS}
    assert all(values.shape == (4, 5, 128) and values.dtype == np.float32 for values in packed.values())
    features, extractor = np.load(audio / "features.npy"), AudioFeatureExtractor.from_folder(audio)
    assert catalog["name"].tolist() == ["c", "a", "b", "d"]
    there = {name: [bool(np.isfinite(row).all()) for row in values] for name, values in packed.items()}
    assert there["silent_object"] == [False, True, False, False]
    assert there["same_category"] == [False, True, True, False]
    assert there["other_category"] == [True, True, True, False]  # d is alone in its split
    assert all(all(there[name]) for name in ("silence", "white", "pink", "shifted"))
    np.testing.assert_array_equal(packed["same_category"][1], features[2])
    np.testing.assert_array_equal(packed["other_category"][1], features[0])
    quiet = extractor.features([np.zeros(80_000, np.float32)])
    np.testing.assert_allclose(packed["silence"], np.repeat(quiet, 4, axis=0), atol=1e-4)
    heard = extractor.features([read_mono(tmp_path / "silent.wav")])[0]
    np.testing.assert_allclose(packed["silent_object"][1], heard, atol=1e-3)

    sources = pd.read_parquet(out / "sources.parquet")
    assert list(sources.columns) == ["name", "condition", "source", "detail"]
    counts = sources["condition"].value_counts().to_dict()
    assert counts == {name: sum(rows) for name, rows in there.items()}
    row = sources[(sources["name"] == "a") & (sources["condition"] == "same_category")].iloc[0]
    assert row["source"] == "b"


def test_same_seed_same_sounds(world: tuple[pd.DataFrame, Path]) -> None:
    clip = clips_of(world[0])[1]
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


def test_conditions_that_no_clip_has_leave_no_file(world: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    catalog, audio = world
    bare = to_frame([clip._replace(silent_audio=None, silent_category=None) for clip in clips_of(catalog)])
    build_negatives(bare, audio, tmp_path / "out", seed=0, workers=SERIAL)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {f"{name}.npy" for name in CONDITIONS if name != "silent_object"} | {
        "sources.parquet",
        "bank",
    }


def test_the_bank_holds_noise_and_silence_in_equal_parts(
    world: tuple[pd.DataFrame, Path], tmp_path: Path
) -> None:
    build_negatives(*world, tmp_path / "out", seed=0, workers=SERIAL)
    bank, quiet = np.load(tmp_path / "out/bank/sounds.npy"), np.load(tmp_path / "out/silence.npy")[0]
    heard = int((world[0]["split"] == "train").sum())
    assert bank.shape == (3 * heard, 5, 128) and np.isfinite(bank).all()
    assert all(np.array_equal(sound, quiet) for sound in bank[2 * heard :])
    assert not any(np.array_equal(sound, quiet) for sound in bank[: 2 * heard])


def test_features_of_another_catalogue_are_refused(world: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    catalog, audio = world
    with pytest.raises(PipelineError, match="has 4 clips, the catalogue 3; run `dvc repro audio`"):
        build_negatives(catalog.iloc[:3], audio, tmp_path / "out", seed=0, workers=SERIAL)
