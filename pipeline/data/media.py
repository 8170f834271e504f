"""Media files: opening and decoding videos and sounds with PyAV, which brings its own FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import av
from av.stream import Disposition

from pipeline.utils.errors import PipelineError


def check_video(path: Path) -> None:
    """Check a video without decoding it.

    Args:
        path: the file.

    Raises:
        PipelineError: the file is missing, damaged, or has no pictures or no sound.
    """
    with open_media(path) as container:
        video_stream(container, path)
        audio_stream(container, path)


def open_media(path: Path) -> Any:
    """Open a video or sound file as a PyAV container.

    Args:
        path: the file.

    Returns:
        The container, a context manager.

    Raises:
        PipelineError: the file is missing or damaged.
    """
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; fetch it again or remove the clip from the table.")
    try:
        # absolute, as FFmpeg would read a name with '-' or ':' as an option or a URL; tags have any encoding
        return av.open(str(path.resolve()), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        size = path.stat().st_size
        raise PipelineError(
            f"{path}: cannot be opened as a video or sound ({error.strerror}; {size} bytes); "
            "it is damaged or was cut short, fetch it again."
        ) from error


def find_stream(container: Any, kind: Literal["video", "audio"]) -> Any | None:
    """Stream that players show or play: FFmpeg's best one, which puts a default track first.

    A cover picture is stored as a video stream of one picture, but is none. Sound is taken from the programme
    of the pictures, where a broadcast holds several.

    Args:
        container: as `open_media` returns it.
        kind: of stream.

    Returns:
        The stream; None if there is none of this kind.
    """
    streams = [
        stream
        for stream in getattr(container.streams, kind)
        if not stream.disposition & Disposition.attached_pic
    ]
    pictures = find_stream(container, "video") if kind == "audio" else None
    best = container.streams.best(kind, related=pictures)
    if best is not None and any(stream.index == best.index for stream in streams):
        return best
    # FFmpeg may prefer a cover to pictures that are not marked as default, or know too little of a stream
    return max(streams, key=lambda stream: bool(stream.disposition & Disposition.default), default=None)


def video_stream(container: Any, path: Path) -> Any:
    """Video stream of a container that players show, to be decoded on one thread.

    Args:
        container: as `open_media` returns it.
        path: its file, for messages.

    Returns:
        The stream.

    Raises:
        PipelineError: there is none, or it cannot be decoded or has no frame rate.
    """
    stream = find_stream(container, "video")
    if stream is None:
        raise PipelineError(f"{path}: has no video stream; fetch it again or remove the clip from the table.")
    stream = _decodable(stream, path)
    if not stream.average_rate:
        raise PipelineError(f"{path}: has no frame rate; encode it again (`ffmpeg -i IN -r 25 OUT`).")
    stream.thread_count = 1  # clips are decoded in parallel: more threads per clip would only compete
    return stream


def audio_stream(container: Any, path: Path) -> Any:
    """Audio stream of a container that players play.

    Args:
        container: as `open_media` returns it.
        path: its file, for messages.

    Returns:
        The stream.

    Raises:
        PipelineError: there is none, or it cannot be decoded.
    """
    stream = find_stream(container, "audio")
    if stream is None:
        raise PipelineError(
            f"{path}: has no sound, which the method needs; fetch it again or remove the clip."
        )
    return _decodable(stream, path)


def decode(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Decode a stream frame by frame.

    Args:
        container: as `open_media` returns it.
        stream: one of its streams.
        path: its file, for messages.

    Yields:
        PyAV frames, in the order they are shown.

    Raises:
        PipelineError: the file is damaged.
    """
    try:
        yield from container.decode(stream)
    except (av.FFmpegError, OSError) as error:
        raise PipelineError(f"{path}: is damaged ({error.strerror}); fetch or encode it again.") from error


def _decodable(stream: Any, path: Path) -> Any:
    if stream.codec_context is None:
        raise PipelineError(
            f"{path}: its {stream.type} has a codec that cannot be decoded; encode it again "
            "(`ffmpeg -i IN OUT`)."
        )
    return stream
