"""Negative audio, packed: which clips have which sounds, and their features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.audio.conditions import CONDITIONS
from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.features import build_audio
from pipeline.audio.negatives import build_negatives
from pipeline.data.catalog import clips_of, to_frame
from pipeline.data.clip import Clip
from pipeline.data.sound import read_mono
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.trees import tone, write_sound


def _clip(name: str, split: str, category: str, silent: str | None = None, audio: str = "a.wav") -> Clip:
    return Clip(name, category, split, 0, None, audio, ["f.png"] * 5, [None] * 5, silent, None, None)


@pytest.fixture
def data(tmp_path: Path) -> tuple[pd.DataFrame, Path]:
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


def test_what_is_packed(data: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    catalog, audio = data
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


def test_conditions_that_no_clip_has_leave_no_file(data: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    catalog, audio = data
    bare = to_frame([clip._replace(silent_audio=None, silent_category=None) for clip in clips_of(catalog)])
    build_negatives(bare, audio, tmp_path / "out", seed=0, workers=SERIAL)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {f"{name}.npy" for name in CONDITIONS if name != "silent_object"} | {
        "sources.parquet",
        "bank",
    }


def test_the_bank_holds_noise_and_silence_in_equal_parts(
    data: tuple[pd.DataFrame, Path], tmp_path: Path
) -> None:
    build_negatives(*data, tmp_path / "out", seed=0, workers=SERIAL)
    bank, quiet = np.load(tmp_path / "out/bank/sounds.npy"), np.load(tmp_path / "out/silence.npy")[0]
    heard = int((data[0]["split"] == "train").sum())
    assert bank.shape == (3 * heard, 5, 128) and np.isfinite(bank).all()
    assert all(np.array_equal(sound, quiet) for sound in bank[2 * heard :])
    assert not any(np.array_equal(sound, quiet) for sound in bank[: 2 * heard])


def test_features_of_another_catalogue_are_refused(data: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    catalog, audio = data
    with pytest.raises(PipelineError, match="has 4 clips, the catalogue 3; run `dvc repro audio`"):
        build_negatives(catalog.iloc[:3], audio, tmp_path / "out", seed=0, workers=SERIAL)
