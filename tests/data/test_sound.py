from __future__ import annotations

import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from pipeline.data.sound import read_mono
from pipeline.utils.errors import PipelineError
from tests.helpers.paths import ROOT
from tests.helpers.trees import bars, tone, write_sound, write_video


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


def _write_pieces(path: Path, pieces: list[tuple[float, float]], *, pictures_from: float = 0.0) -> None:
    """Five seconds of pictures, and pieces of a tone: (second at which it starts, seconds that it lasts)."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(125):
            frame = av.VideoFrame.from_ndarray(bars(number), format="rgb24")
            frame.pts, frame.time_base = number + round(pictures_from * 25), Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for second, seconds in pieces:
            for start in np.arange(0, seconds, 0.1):
                samples = (tone(0.1, 16_000, hertz=500) * 32_767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
                frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
                frame.pts = round((second + start) * 16_000)
                container.mux(audio.encode(frame))


def _heard(wave: np.ndarray) -> str:
    """Tenths of a second: `-` for silence, `x` for the tone."""
    return "".join("x" if tenth.std() > 0.1 else "-" for tenth in wave.reshape(-1, 1600))


@pytest.mark.parametrize(
    ("name", "pieces", "heard"),
    [
        ("a.mkv", [(0, 5)], "x" * 50),
        ("a.mov", [(0, 5)], "x" * 50),
        ("a.mkv", [(2.5, 2.5)], "-" * 25 + "x" * 25),
        ("a.mov", [(2.5, 2.5)], "-" * 25 + "x" * 25),  # by an edit list
        ("a.mkv", [(0, 1), (3, 2)], "x" * 10 + "-" * 20 + "x" * 20),
        ("a.mkv", [(1, 1), (3, 2)], "-" * 10 + "x" * 10 + "-" * 10 + "x" * 20),
        ("a.mkv", [(0, 2), (3, 1)], "x" * 20 + "-" * 10 + "x" * 10),  # not filled at its end
    ],
)
def test_sound_keeps_the_clock_of_the_pictures(
    tmp_path: Path, name: str, pieces: list[tuple[float, float]], heard: str
) -> None:
    _write_pieces(tmp_path / name, pieces)
    assert _heard(read_mono(tmp_path / name)) == heard


def test_one_clock_begins_with_what_comes_first(tmp_path: Path) -> None:
    """A file whose times begin at second 3, its sound a second later."""
    _write_pieces(tmp_path / "a.mkv", [(4, 4)], pictures_from=3)
    assert _heard(read_mono(tmp_path / "a.mkv")) == "-" * 10 + "x" * 40


def test_sound_that_starts_before_the_pictures_is_whole(tmp_path: Path) -> None:
    """The frames count from the same start: see the pictures that start late in the tests of video."""
    _write_pieces(tmp_path / "a.mkv", [(0, 6)], pictures_from=1)
    assert _heard(read_mono(tmp_path / "a.mkv")) == "x" * 50


def test_a_gap_of_years_takes_no_memory(tmp_path: Path) -> None:
    _write_pieces(tmp_path / "a.mkv", [(0, 2), (86_400 * 365.0, 1)])
    assert _heard(read_mono(tmp_path / "a.mkv")) == "x" * 20 + "-" * 30


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_not_finite_are_named(
    tmp_path: Path, value: float, rate: int, channels: int
) -> None:
    waves = np.zeros((rate, channels), np.float32)
    waves[rate // 2, -1] = value
    soundfile.write(tmp_path / "bad.wav", waves, rate, subtype="FLOAT")
    with pytest.raises(PipelineError, match=r"bad\.wav: its sound has samples that are NaN or infinite"):
        read_mono(tmp_path / "bad.wav")
