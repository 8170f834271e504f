"""Frames and sound of a clip, decoded with PyAV (which brings its own FFmpeg)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from pipeline.categories import FRAMES
from pipeline.errors import PipelineError


class ClipFrames(NamedTuple):
    """What `read_frames` returns."""

    images: np.ndarray  # (count, height, width, 3) uint8 RGB
    note: str  # "" or, for a clip shorter than `count` seconds, what was repeated


def frame_indices(fps: float, n_frames: int, count: int = FRAMES) -> list[int]:
    """Numbers of the frames that AVSBench's script takes, one for each of the first `count` seconds.

    With fps rounded to an integer, second l gives frame `int(l*fps + 15/16*fps)`, clamped to the last frame.
    """
    if n_frames < 1:
        raise ValueError("a clip has at least one frame")
    return [min(index, n_frames - 1) for index in _unclamped(fps, count)]


def _unclamped(fps: float, count: int) -> list[int]:
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"frame rate {fps} is not a positive number")
    rate = max(1, math.floor(fps + 0.5))
    return [second * rate + 15 * rate // 16 for second in range(count)]


def read_frames(path: Path, count: int = FRAMES) -> ClipFrames:
    """The frames by `frame_indices`, decoding little besides them; one thread.

    Frames are counted as decoded, as the published script does, whatever their time stamps say. A clip that
    ends before second `count` repeats its last frame and `note` says so. Raises `PipelineError` for a file
    that is missing, damaged, cut short, or without pictures.
    """
    with _open(path) as container:
        stream = _video_stream(container, path)
        fps = float(stream.average_rate)
        wanted = _unclamped(fps, count)
        found = _decode_referenced(container, stream, wanted)
    images, total = found or _decode_counting(path, wanted)
    if len({image.shape for image in images.values()}) > 1:
        raise PipelineError(
            f"{path}: its pictures change their size midway; encode it anew (`ffmpeg -i IN -s WxH OUT`)."
        )
    rate = max(1, math.floor(fps + 0.5))
    absent = [second for second in range(count) if second * rate >= total]
    note = ""
    if absent:
        taken = count - len(absent)
        note = f"{total} frames at {fps:.4g} a second give {taken} of {count}; the last frame is repeated"
    return ClipFrames(np.stack([images[min(index, total - 1)] for index in wanted]), note)


Decoded = tuple[dict[int, np.ndarray], int]  # images by frame number; how many frames were seen
REORDERED = 64  # packets; H.264 shows a frame at most 16 places from where it stores it


def _decode_counting(path: Path, wanted: list[int]) -> Decoded:
    """Decode up to the last wanted frame, counting; the last of a shorter clip comes with the rest."""
    images: dict[int, np.ndarray] = {}
    with _open(path) as container:
        stream = _video_stream(container, path)
        number, last = -1, None
        for number, last in enumerate(_decode(container, stream, path)):
            if number in wanted:
                images[number] = _rgb(last)
            if number == wanted[-1]:
                break
        promised = stream.frames
        if stream.duration is not None:  # `frames` has those too that an edit list hides, of a copied part
            shown = stream.duration * stream.time_base * stream.average_rate
            promised = min(promised, math.ceil(shown))
    if last is None:
        raise PipelineError(
            f"{path}: no frame could be decoded; the file is damaged, fetch or encode it again."
        )
    if number < wanted[-1]:
        if number + 1 < 0.95 * promised - 1:
            raise PipelineError(
                f"{path}: ends after {number + 1} of {promised} frames: cut short, fetch it again."
            )
        images[number] = _rgb(last)
    return images, number + 1


def _decode_referenced(container: Any, stream: Any, wanted: list[int]) -> Decoded | None:
    """Decode the wanted frames and those that others refer to: a quarter less work where a file has B-frames.

    In H.264 each packet is one frame, so the packets' time stamps, sorted, number the frames before any is
    decoded. None where that does not hold (another codec, time stamps missing or double, fewer packets than
    the file promises, a wanted frame that does not come): then frames are counted.
    """
    if stream.codec_context.name != "h264":
        return None
    enough = wanted[-1] + 1 + REORDERED
    images: dict[int, np.ndarray] = {}
    try:
        packets = list(
            itertools.islice((packet for packet in container.demux(stream) if packet.size), enough)
        )
        times = [packet.pts for packet in packets if not packet.is_discard]
        if None in times or len(set(times)) < max(1, len(times), min(stream.frames, enough)):
            return None
        number_of = {time: number for number, time in enumerate(sorted(times))}
        needed = {min(index, len(times) - 1) for index in wanted}
        for packet in [*packets, None]:  # None: what the decoder holds back
            shown = packet is None or number_of.get(packet.pts) in needed
            stream.codec_context.skip_frame = "DEFAULT" if shown else "NONREF"
            for frame in stream.codec_context.decode(packet):
                number = number_of.get(frame.pts)
                if number in needed:
                    images[number] = _rgb(frame)
            if len(images) == len(needed):
                return images, len(times)
    except av.FFmpegError:
        pass  # counting decodes it again and tells what is wrong
    return None


def read_mono(path: Path, rate: int = 16_000, seconds: float = float(FRAMES)) -> np.ndarray:
    """The sound of a video or a wav file as one channel.

    Channels are resampled each for itself and then averaged: FFmpeg's own mono mix is up to 3 dB louder for
    correlated stereo. The end is trimmed, or filled with silence, to the duration of the pictures (AAC rounds
    up to whole blocks), and to `seconds` at most.

    Returns: (samples,) float32 in about -1 to 1, at `rate` a second; a 4-second clip gives 4 seconds.

    Raises `PipelineError` for a file that is missing, damaged or without sound.
    """
    with _open(path) as container:
        stream = _audio_stream(container, path)
        stored, frame = av.AudioFifo(), None
        for frame in _decode(container, stream, path):
            frame.pts = None  # samples follow one another, whatever their time stamps say
            stored.write(frame)
            if stored.samples > (seconds + 0.5) * frame.sample_rate:  # half a second for the filter's delay
                break
        parts: list[np.ndarray] = []
        if frame is not None:
            # packed: of eight planes or more PyAV reads beyond its list of them
            resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=rate)
            pieces = [*resampler.resample(stored.read()), *resampler.resample(None)]
            channels = frame.layout.nb_channels
            parts = [piece.to_ndarray().reshape(-1, channels).mean(axis=1) for piece in pieces]
        duration = _duration(container)
    wave = np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
    if not wave.size:
        raise PipelineError(
            f"{path}: no sound could be decoded; the file is damaged, fetch or encode it again."
        )
    longest = round(seconds * rate)
    length = min(wave.size if duration is None else round(duration * rate), longest)
    wave = wave[:length]
    return np.pad(wave, (0, length - wave.size))


def check_video(path: Path) -> None:
    """Open a video, without decoding: `PipelineError` if it is damaged or lacks pictures or sound."""
    with _open(path) as container:
        _video_stream(container, path)
        _audio_stream(container, path)


def _video_stream(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise PipelineError(f"{path}: has no video stream; fetch it again or take the clip out of the table.")
    stream = container.streams.video[0]
    if not stream.average_rate:
        raise PipelineError(f"{path}: tells no frame rate; encode it anew (`ffmpeg -i IN -r 25 OUT`).")
    stream.thread_count = 1  # clips are decoded in parallel: more threads a clip would only compete
    return stream


def _audio_stream(container: Any, path: Path) -> Any:
    if not container.streams.audio:
        raise PipelineError(
            f"{path}: has no sound, which the method needs; fetch it again or take the clip out."
        )
    return container.streams.audio[0]


def _rgb(frame: Any) -> np.ndarray:
    """Upright: a phone stores portrait lying on its side, with a matrix that says so."""
    image = frame.to_ndarray(format="rgb24", threads=1)
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def _duration(container: Any) -> float | None:
    """Seconds of the pictures; None for a file without pictures."""
    if not container.streams.video:
        return None
    stream = container.streams.video[0]
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _open(path: Path) -> Any:
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; fetch it again or take the clip out of the table.")
    try:
        # absolute: a name that begins with '-' or has ':' stays a file's name; tags may be in any encoding
        return av.open(str(path.resolve()), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        size = path.stat().st_size
        raise PipelineError(
            f"{path}: cannot be opened as a video or sound ({error.strerror}; {size} bytes); "
            "it is damaged or was cut short, fetch it again."
        ) from error


def _decode(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    try:
        yield from container.decode(stream)
    except (av.FFmpegError, OSError) as error:
        raise PipelineError(f"{path}: is damaged ({error.strerror}); fetch or encode it again.") from error
