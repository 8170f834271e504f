"""The audio stage and the feature extractor."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.features import build_audio
from pipeline.audio.logmel import log_mel
from pipeline.audio.spectrograms import clip_wave, pack_patches
from pipeline.audio.vggish import seeded_vggish
from pipeline.data.catalog import to_frame
from pipeline.data.clip import Clip
from pipeline.data.sound import read_mono
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.trees import tone, write_sound, write_video


def _clip(name: str, split: str, **changes: object) -> Clip:
    paths = ["f.png"] * 5
    clip = Clip(name, "cat_meowing", split, 0, None, None, paths, paths, None, None, None)  # type: ignore[arg-type]
    return clip._replace(**changes)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The stage's folder for three train clips of noise (one of 4 s) and a test clip that is a video."""
    root = tmp_path_factory.mktemp("audio")
    rng = np.random.default_rng(0)
    clips = []
    for number, seconds in enumerate((5, 5, 4)):
        path = root / f"{number}.wav"
        write_sound(path, rng.uniform(-0.5, 0.5, seconds * 16_000) * rng.uniform(0.1, 1))
        clips.append(_clip(f"{number}", "train", audio=str(path)))
    write_video(root / "v.mp4", sound=tone(5))
    clips.append(_clip("v", "test", video=str(root / "v.mp4"), frames=None))
    catalog = to_frame(clips)
    build_audio(catalog, root / "out", workers=SERIAL)
    return root / "out", catalog


def test_what_is_packed(built: tuple[Path, pd.DataFrame]) -> None:
    out, catalog = built
    features, patches = np.load(out / "features.npy"), np.load(out / "logmel.npy")
    assert (features.shape, features.dtype) == ((4, 5, 128), np.float32)
    assert (patches.shape, patches.dtype) == ((4, 5, 1, 96, 64), np.float32)
    np.testing.assert_array_equal(patches[0, :, 0], log_mel(read_mono(Path(catalog["audio"][0]))))
    np.testing.assert_array_equal(patches[2, 4], patches[2, 3])
    info = json.loads((out / "info.json").read_text())
    assert info["weights"] == "seeded"
    assert info["sha256"] == ""
    assert list(info["notes"]) == ["2"]


def test_features_are_standardised_on_the_train_split(built: tuple[Path, pd.DataFrame]) -> None:
    out, _ = built
    features = np.load(out / "features.npy").astype(np.float64)
    info = json.loads((out / "info.json").read_text())
    varies = np.array(info["std"]) > 0
    train = features[:3].reshape(-1, 128)
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(train.std(0)[varies], 1, atol=1e-4)
    assert not features[..., ~varies].any()
    with torch.inference_mode():
        raw = seeded_vggish(0)(torch.from_numpy(np.load(out / "logmel.npy")).flatten(0, 1)).numpy()
    expected = (raw[:, varies] - np.array(info["mean"])[varies]) / np.array(info["std"])[varies]
    np.testing.assert_allclose(features.reshape(-1, 128)[:, varies], expected, atol=1e-3)


def test_extractor_gives_the_packed_features_again(built: tuple[Path, pd.DataFrame]) -> None:
    out, catalog = built
    extractor = AudioFeatureExtractor.from_folder(out)
    waves = [clip_wave(Clip(*row)) for row in catalog.itertuples(index=False)]
    assert {wave.size for wave in waves} == {80_000, 64_000}
    np.testing.assert_allclose(extractor.features(waves), np.load(out / "features.npy"), atol=1e-4)
    silence = extractor.features(np.zeros((2, 80_000), np.float32))
    assert silence.shape == (2, 5, 128)
    # threads share out a batch's rows: they sum in another order, and differ in the last digits
    np.testing.assert_allclose(silence[0], silence[1], rtol=1e-4, atol=1e-4)
    assert np.isfinite(silence).all()


def test_units_that_hardly_vary_are_given_as_zero() -> None:
    extractor = AudioFeatureExtractor(seeded_vggish(0), "seeded", 0, "")
    raw = np.random.default_rng(0).uniform(0, 1, (20, 5, 128)).astype(np.float32)
    raw[..., 3] = 0
    raw[..., 4] = 7
    raw[..., 5] = 0
    raw[0, 0, 5] = 0.1  # awake once in a hundred: deviation 0.01 where the others have 0.3
    fitted = extractor.fit_standardisation(raw)
    assert fitted.std is not None
    assert np.flatnonzero(fitted.std == 0).tolist() == [3, 4, 5]
    loud = fitted.standardise(np.full((1, 5, 128), 100, np.float32))
    assert np.isfinite(loud).all()
    assert not loud[..., 3:6].any()


def test_without_standardisation_features_are_as_the_network_gives_them(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(5, 16_000))
    catalog = to_frame([_clip("a", "train", audio=str(tmp_path / "a.wav"))])
    build_audio(catalog, tmp_path / "out", standardise=False, workers=SERIAL)
    features = np.load(tmp_path / "out" / "features.npy")
    assert (features >= 0).all()
    info = json.loads((tmp_path / "out" / "info.json").read_text())
    assert (info["standardised"], info["mean"]) == (False, None)
    again = AudioFeatureExtractor.from_folder(tmp_path / "out").features([read_mono(tmp_path / "a.wav")])
    np.testing.assert_allclose(again, features, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_heard_is_named(tmp_path: Path) -> None:
    write_sound(tmp_path / "short.wav", np.zeros(5_000))
    clips = [
        _clip("brief", "train", audio=str(tmp_path / "short.wav")),
        _clip("gone", "train", audio=str(tmp_path / "gone.wav")),
    ]
    with pytest.raises(PipelineError) as error:
        build_audio(to_frame(clips), tmp_path / "out", workers=SERIAL)
    assert "brief: 0.31 s of sound" in str(error.value)
    assert "gone.wav: no such file" in str(error.value)
    assert not (tmp_path / "out").exists()
    with pytest.raises(PipelineError, match=r"no\.pth: no such file"):
        build_audio(to_frame(clips), tmp_path / "out", weights=str(tmp_path / "no.pth"), workers=SERIAL)


def test_no_train_clip_no_standardisation(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(5, 16_000))
    with pytest.raises(
        PipelineError, match=r"no train clip to standardise on; set audio\.standardise: false"
    ):
        build_audio(
            to_frame([_clip("a", "val", audio=str(tmp_path / "a.wav"))]), tmp_path / "out", workers=SERIAL
        )


def test_damaged_info_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"info\.json: no such file"):
        AudioFeatureExtractor.from_folder(tmp_path)
    (tmp_path / "info.json").write_text('{"weights": "seeded"}')
    with pytest.raises(PipelineError, match=r"info\.json: 'seed' is missing"):
        AudioFeatureExtractor.from_folder(tmp_path)


def test_features_that_are_not_finite_are_refused_where_they_are_made() -> None:
    network = seeded_vggish(0)
    network.features[0].bias.data[0] = float("nan")
    extractor = AudioFeatureExtractor(network, "vggish.pth", 0, "")
    with pytest.raises(PipelineError, match=r"VGGish vggish\.pth: gives features that are NaN or infinite"):
        extractor.features([tone(5, 16_000)])


def test_a_standardisation_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    bad = [float("nan"), *[0.0] * 127]
    info = {"weights": "seeded", "seed": 0, "sha256": "", "mean": bad, "std": [1.0] * 128}
    (tmp_path / "info.json").write_text(json.dumps(info))
    with pytest.raises(PipelineError, match=r"info\.json: mean or std is NaN or infinite"):
        AudioFeatureExtractor.from_folder(tmp_path)


def test_a_clip_whose_sound_is_not_finite_is_named(tmp_path: Path) -> None:
    wave = tone(5, 16_000)
    wave[100] = np.nan
    soundfile.write(tmp_path / "bad.wav", wave, 16_000, subtype="FLOAT")
    clip = Clip(
        "the clip", "dog", "train", 0, None, f"{tmp_path}/bad.wav", None, [None] * 5, None, None, None
    )
    with pytest.raises(PipelineError, match=r"the clip: .*bad\.wav: its sound has samples that are NaN"):
        pack_patches(clip_wave, [clip], tmp_path / "logmel.npy", workers=SERIAL)
