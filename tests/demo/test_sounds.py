"""Sounds: 23 families that the ear of a log-mel front end can tell apart, with sound in every second."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import spectrogram

from pipeline.demo.clip import recorded
from pipeline.demo.dataset import ORDER
from pipeline.demo.sounds import SOUNDS, sound
from pipeline.demo.synth import RATE, beats, noise, seconds_of, tone

CATEGORIES = sorted(ORDER)


def bands(category: str, seed: int) -> np.ndarray:
    """Mean and deviation over time of log energy in 32 mel bands from 125 to 7,500 Hz."""
    wave = recorded((category,), np.random.default_rng((CATEGORIES.index(category), seed)))
    frequencies, _, power = spectrogram(wave, RATE, nperseg=1024, noverlap=512)
    mel = 1127 * np.log1p(frequencies / 700)
    edges = np.linspace(*1127 * np.log1p(np.array([125, 7500]) / 700), 33)
    rows = [power[(mel >= low) & (mel < high)].sum(axis=0) for low, high in pairwise(edges)]
    logs = np.log(np.array(rows) + 1e-8)
    return np.concatenate([logs.mean(axis=1), logs.std(axis=1)])


def test_every_category_has_a_sound():
    assert set(SOUNDS) == set(CATEGORIES)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_sound_fills_its_seconds_and_the_seed_decides_it(category):
    wave = sound(category, np.random.default_rng(4))
    assert wave.shape == (5 * RATE,)
    assert wave.dtype == np.float32
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() == pytest.approx(1)
    loudness = wave.reshape(5, RATE).std(axis=1)
    assert loudness.min() > 0.4 * loudness.max()
    assert np.array_equal(wave, sound(category, np.random.default_rng(4)))
    assert not np.array_equal(wave, sound(category, np.random.default_rng(5)))


def test_families_can_be_told_apart_by_ear():
    known = np.array([[bands(c, seed) for seed in range(5)] for c in CATEGORIES])
    scale = known.reshape(-1, known.shape[-1]).std(axis=0)
    centres = known.mean(axis=1) / scale
    new = np.array([[bands(c, seed) for seed in (5, 6)] for c in CATEGORIES]) / scale
    nearest = ((new[:, :, None] - centres) ** 2).sum(axis=-1).argmin(axis=-1)
    right = (nearest == np.arange(len(CATEGORIES))[:, None]).mean()
    assert right > 0.75  # chance: 1 in 23


def test_a_recording_never_clips_and_varies_in_loudness():
    levels = []
    for seed in range(12):
        wave = recorded(("cap_gun_shooting", "playing_tabla"), np.random.default_rng(seed))
        assert np.abs(wave).max() <= 0.951
        levels.append(wave.std())
    assert max(levels) > 1.3 * min(levels)


def test_a_tone_has_its_pitch_and_its_partials():
    wave = tone(440.0, [1, 0, 0.5], RATE)  # one second: bin k of the spectrum is k Hz
    spectrum = np.abs(np.fft.rfft(wave)) * 2 / RATE
    assert spectrum[440] == pytest.approx(1, abs=0.01)
    assert spectrum[1320] == pytest.approx(0.5, abs=0.01)
    assert spectrum[880] < 0.01


def test_a_tone_keeps_below_the_top_of_the_bands():
    spectrum = np.abs(np.fft.rfft(tone(4000.0, [1, 1, 1], RATE))) * 2 / RATE
    assert spectrum[8000] == pytest.approx(1, abs=0.02)
    assert spectrum[12000] < 0.01


def test_noise_lies_in_its_band():
    spectrum = np.abs(np.fft.rfft(noise(np.random.default_rng(0), 1000, 2000, RATE))) ** 2
    assert spectrum[700:2800].sum() > 0.9 * spectrum.sum()


def test_beats_come_at_their_rate():
    starts = np.array(beats(np.random.default_rng(0), 4, 5 * RATE, jitter=0.1))
    assert len(starts) in (19, 20)
    assert starts.min() >= 0
    assert np.diff(starts).mean() / RATE == pytest.approx(0.25, abs=0.01)
    assert seconds_of(RATE + 1)[-1] == 1.0
