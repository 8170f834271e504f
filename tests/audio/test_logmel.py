from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from pipeline.audio.logmel import MIN_SAMPLES, clip_patches, log_mel, mel_matrix
from pipeline.utils.errors import PipelineError
from tests.helpers.paths import ROOT

GOLDEN = ROOT / "tests" / "golden" / "logmel.npz"


def _sine(hertz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * 16_000)) / 16_000)


def test_known_values_of_a_sine() -> None:
    patches = log_mel(_sine(1000, 3))
    assert patches.shape == (3, 96, 64)
    assert patches.dtype == np.float32
    assert patches.mean(dtype=np.float64) == pytest.approx(-3.4296187, abs=1e-5)
    assert patches.std(dtype=np.float64) == pytest.approx(2.1265773, abs=1e-5)
    assert patches.min() == pytest.approx(-4.6011631, abs=1e-5)
    assert patches.max() == pytest.approx(4.8111177, abs=1e-5)
    assert patches.mean((0, 1)).argmax() == 19


def test_silence_is_ln_of_a_hundredth() -> None:
    np.testing.assert_allclose(log_mel(np.zeros(80_000, np.float32)), math.log(0.01), atol=1e-6)


def test_published_answers() -> None:
    """Of `benchmarks/golden.py`: the published front end's example of a rising tone in noise."""
    golden = np.load(GOLDEN)
    np.testing.assert_allclose(log_mel(golden["wave"] / 2**15), golden["logmel"], atol=1e-5)


def test_one_frame_by_the_discrete_fourier_transform() -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 40_000)
    frame = wave[160 * 7 : 160 * 7 + 400] * signal.get_window("hann", 400)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    expected = np.log(np.abs(waves @ frame) @ mel_matrix() + 0.01)
    np.testing.assert_allclose(log_mel(wave)[0, 7], expected, atol=1e-5)


def test_mel_bands() -> None:
    matrix = mel_matrix()
    assert matrix.shape == (257, 64)
    assert not matrix[0].any()
    hertz = np.arange(257) * 31.25
    assert not matrix[(hertz <= 125) | (hertz >= 7500)].any()
    # each bin between the first and the last centre lies under two neighbouring slopes that sum to 1
    centres = 700 * (
        np.exp(np.linspace(1127 * math.log(1 + 125 / 700), 1127 * math.log(1 + 7500 / 700), 66) / 1127) - 1
    )
    inside = (hertz > centres[1]) & (hertz < centres[64])
    np.testing.assert_allclose(matrix[inside].sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("samples", "patches"),
    [
        (0, 0),
        (MIN_SAMPLES - 1, 0),
        (MIN_SAMPLES, 1),
        (MIN_SAMPLES + 96 * 160 - 1, 1),
        (MIN_SAMPLES + 96 * 160, 2),
        (80_000, 5),
    ],
)
def test_examples_a_wave(samples: int, patches: int) -> None:
    assert log_mel(np.zeros(samples, np.float32)).shape == (patches, 96, 64)


def test_short_clip_repeats_its_last_patch_and_says_so() -> None:
    wave = np.concatenate([_sine(300, 2), _sine(3000, 2)])
    patches, note = clip_patches(wave)
    assert patches.shape == (5, 1, 96, 64)
    np.testing.assert_array_equal(patches[:4, 0], log_mel(wave))
    np.testing.assert_array_equal(patches[4], patches[3])
    assert note == "4.00 s of sound give 4 of 5 patches; the last is repeated"


def test_long_clip_keeps_the_first_five() -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 160_000).astype(np.float32)
    patches, note = clip_patches(wave)
    np.testing.assert_array_equal(patches[:, 0], log_mel(wave)[:5])
    assert note == ""


def test_hardly_any_sound_is_an_error() -> None:
    with pytest.raises(PipelineError, match=r"0\.50 s of sound, but at least 0\.975 s are needed"):
        clip_patches(np.zeros(8_000, np.float32))
