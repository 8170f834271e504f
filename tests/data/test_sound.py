from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sound import read_mono
from tests.helpers.paths import ROOT
from tests.helpers.trees import tone, write_sound, write_video


def test_sound_has_the_clips_length_and_its_loudness(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", sound=tone(5, hertz=1000))
    wave = read_mono(tmp_path / "a.mp4")
    assert wave.shape == (80_000,)
    assert wave.dtype == np.float32
    middle = wave[8_000:72_000].astype(np.float64)
    # equal channels: a mean keeps the amplitude of 0.5, FFmpeg's mix would be louder by the square root of 2
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, rel=0.02)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size)))
    assert np.argmax(spectrum) / middle.size * 16_000 == pytest.approx(1000, abs=1)


def test_opposite_channels_cancel(tmp_path: Path) -> None:
    wave = tone(2, 16_000)
    write_sound(tmp_path / "a.wav", np.stack([wave, -wave], axis=1))
    assert np.abs(read_mono(tmp_path / "a.wav")).max() < 1e-3


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 9])
def test_any_number_of_channels_is_averaged(tmp_path: Path, channels: int) -> None:
    """In a process of its own: of eight and more PyAV's planar arrays end beyond its memory."""
    waves = np.random.default_rng(0).uniform(-0.5, 0.5, (16_000, channels)).astype(np.float32)
    write_sound(tmp_path / "a.wav", waves)
    code = "import numpy, pipeline.data.sound as s; numpy.save('a.npy', s.read_mono(s.Path('a.wav')))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), waves.mean(axis=1), atol=1e-4)


def test_tags_in_any_encoding_are_no_hindrance(tmp_path: Path) -> None:
    """A title in Latin-1, as programs on Windows write it."""
    path = tmp_path / "a.wav"
    write_sound(path, tone(1, 16_000))
    plain, content = read_mono(path), path.read_bytes()
    title = "Künstler".encode("latin-1")
    chunk = b"INFO" + b"INAM" + struct.pack("<I", len(title)) + title
    chunk = b"LIST" + struct.pack("<I", len(chunk)) + chunk
    data = content.index(b"data")
    content = content[:data] + chunk + content[data:]
    path.write_bytes(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])
    np.testing.assert_array_equal(read_mono(path), plain)


def test_wav_of_the_right_rate_comes_back_as_stored(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).uniform(-0.9, 0.9, 70_000).astype(np.float32)
    write_sound(tmp_path / "a.wav", wave)
    found = read_mono(tmp_path / "a.wav")
    assert found.shape == wave.shape  # a sound without pictures is not filled up
    np.testing.assert_allclose(found, wave, atol=1 / 32_768)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_wav_of_another_rate_keeps_its_tone(tmp_path: Path, rate: int) -> None:
    write_sound(tmp_path / "a.wav", tone(6, rate, hertz=500), rate)
    found = read_mono(tmp_path / "a.wav")
    assert found.shape == (80_000,)
    expected = tone(5, 16_000, hertz=500)
    np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=0.01)


@pytest.mark.parametrize("seconds", [3.0, 4.4])
def test_sound_that_ends_early_is_not_filled_with_silence(tmp_path: Path, seconds: float) -> None:
    """Silence under a mask would teach what is not so; the stage repeats the last patch instead."""
    write_video(tmp_path / "a.mp4", sound=tone(seconds))
    wave = read_mono(tmp_path / "a.mp4")
    assert wave.size / 16_000 == pytest.approx(seconds, abs=0.07)  # AAC rounds up to whole blocks


def test_sound_longer_than_the_pictures_is_kept(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=114, sound=tone(5))
    assert read_mono(tmp_path / "a.mp4").size == 80_000


def test_pictures_that_start_late_cost_no_sound(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=120, pts=[number + 5 for number in range(120)], sound=tone(5))
    assert read_mono(tmp_path / "a.mp4").size == 80_000


def test_a_four_second_clip_gives_four_seconds(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=100, sound=tone(4))
    assert read_mono(tmp_path / "a.mp4").size == 64_000
