"""Files that cannot be read, by either reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data.media import check_video
from pipeline.data.sound import read_mono
from pipeline.data.video import read_frames
from pipeline.utils.errors import PipelineError
from tests.helpers.trees import tone, write_sound, write_video


def test_truncated_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    write_video(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    for read in (read_frames, read_mono):
        with pytest.raises(PipelineError, match=r"cut\.mp4: cannot be opened"):
            read(path)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    for read in (read_frames, read_mono):
        with pytest.raises(PipelineError, match=r"bad\.mp4: cannot be opened"):
            read(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_frames, read_mono):
        with pytest.raises(PipelineError, match=r"none\.mp4: no such file"):
            read(tmp_path / "none.mp4")


def test_no_sound_and_no_pictures_are_named(tmp_path: Path) -> None:
    write_video(tmp_path / "mute.mp4", frames=30, silent=True)
    with pytest.raises(PipelineError, match=r"mute\.mp4: has no sound"):
        read_mono(tmp_path / "mute.mp4")
    write_sound(tmp_path / "only.wav", tone(1, 16_000))
    with pytest.raises(PipelineError, match=r"only\.wav: has no video"):
        read_frames(tmp_path / "only.wav")


@pytest.mark.parametrize(("code", "read"), [(b"avc1", read_frames), (b"mp4a", read_mono)])
def test_an_unknown_codec_is_named(tmp_path: Path, code: bytes, read: Callable) -> None:
    path = tmp_path / "a.mp4"
    write_video(path)
    path.write_bytes(path.read_bytes().replace(code, b"xxxx").replace(b"esds", b"free"))
    with pytest.raises(PipelineError, match=r"a\.mp4: its (video|audio) has a codec that cannot"):
        read(path)
    with pytest.raises(PipelineError, match=r"a\.mp4: its (video|audio) has a codec that cannot"):
        check_video(path)
