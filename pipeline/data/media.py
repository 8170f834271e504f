"""Media files: opening and decoding videos and sounds with PyAV, which brings its own FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

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


def video_stream(container: Any, path: Path) -> Any:
    """First video stream of a container, to be decoded on one thread.

    Args:
        container: as `open_media` returns it.
        path: its file, for messages.

    Returns:
        The stream.

    Raises:
        PipelineError: there is none, or it cannot be decoded or has no frame rate.
    """
    if not container.streams.video:
        raise PipelineError(f"{path}: has no video stream; fetch it again or remove the clip from the table.")
    stream = _decodable(container.streams.video[0], path)
    if not stream.average_rate:
        raise PipelineError(f"{path}: has no frame rate; encode it again (`ffmpeg -i IN -r 25 OUT`).")
    stream.thread_count = 1  # clips are decoded in parallel: more threads per clip would only compete
    return stream


def audio_stream(container: Any, path: Path) -> Any:
    """First audio stream of a container.

    Args:
        container: as `open_media` returns it.
        path: its file, for messages.

    Returns:
        The stream.

    Raises:
        PipelineError: there is none, or it cannot be decoded.
    """
    if not container.streams.audio:
        raise PipelineError(
            f"{path}: has no sound, which the method needs; fetch it again or remove the clip."
        )
    return _decodable(container.streams.audio[0], path)


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
