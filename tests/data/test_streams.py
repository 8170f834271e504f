"""Which stream of a file is shown and heard: as players choose."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from pipeline.data.media import check_video
from pipeline.data.sound import read_mono
from pipeline.data.video import read_frames
from pipeline.utils.errors import PipelineError
from tests.helpers.trees import bars, number_of, tone

COVER = 200  # its number


DEFAULT, PLAIN = Disposition.default, Disposition(0)


def _write(path: Path, *tracks: tuple[str, float, Disposition]) -> None:
    """A file of 5 s with these tracks: `cover`; `film`, numbered from a figure on; `sound` of so many Hz."""
    with av.open(str(path), "w", format="matroska" if path.suffix == ".mkv" else "mp4") as container:
        streams = []
        for kind, _, disposition in tracks:
            if kind == "sound":
                stream = container.add_stream("aac", rate=44_100, layout="mono")
            else:
                stream = container.add_stream("png" if kind == "cover" else "libx264", rate=25)
                stream.width, stream.height = 96, 64
                stream.pix_fmt = "rgb24" if kind == "cover" else "yuv420p"
            stream.disposition = disposition
            streams.append(stream)
        for stream, (kind, figure, _) in zip(streams, tracks, strict=True):
            frames = (
                _sound(figure) if kind == "sound" else _pictures(int(figure), 1 if kind == "cover" else 125)
            )
            for frame in [*frames, None]:
                container.mux(stream.encode(frame))


def _pictures(first: int, count: int) -> Iterator[av.VideoFrame]:
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(bars(first + number), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield frame


def _sound(hertz: float) -> list[av.AudioFrame]:
    whole = av.AudioFrame.from_ndarray(tone(5, hertz=hertz)[None], format="fltp", layout="mono")
    whole.sample_rate, whole.pts = 44_100, 0
    stored = av.AudioFifo()
    stored.write(whole)
    return stored.read_many(1024, partial=True)


def _pitch(wave: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(wave))) / wave.size * 16_000)


@pytest.mark.parametrize("marked", [DEFAULT, PLAIN])
def test_a_cover_before_the_film_is_not_the_film(tmp_path: Path, marked: Disposition) -> None:
    path = tmp_path / "a.mp4"
    cover = ("cover", COVER, Disposition.attached_pic)
    _write(path, cover, ("film", 0, marked), ("sound", 440, DEFAULT))
    with av.open(str(path)) as container:
        assert any(stream.disposition & Disposition.attached_pic for stream in container.streams.video)
    assert [number_of(image) for image in read_frames(path).images] == [23, 48, 73, 98, 123]
    assert read_mono(path).size == 80_000
    check_video(path)


def test_a_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    _write(path, ("cover", COVER, Disposition.attached_pic), ("sound", 440, DEFAULT))
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & Disposition.attached_pic
    for read in (read_frames, check_video):
        with pytest.raises(PipelineError, match=r"song\.m4a: has no video stream"):
            read(path)
    assert _pitch(read_mono(path)) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("default", [0, 1])
def test_the_default_pictures_and_sound_are_taken(tmp_path: Path, default: int) -> None:
    path = tmp_path / "a.mkv"
    marks = [DEFAULT if number == default else PLAIN for number in range(2)]
    films = [("film", 100.0 * number, mark) for number, mark in enumerate(marks)]
    sounds = [("sound", 440.0 + 1000 * number, mark) for number, mark in enumerate(marks)]
    _write(path, *films, *sounds)
    found = [number_of(image) for image in read_frames(path).images]
    assert found == [100 * default + number for number in (23, 48, 73, 98, 123)]
    assert _pitch(read_mono(path)) == pytest.approx(440 + 1000 * default, abs=1)
