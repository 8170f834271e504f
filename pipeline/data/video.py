"""Frames and sound of a clip, decoded with PyAV (which brings its own FFmpeg)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from pipeline.data.clip import FRAMES
from pipeline.utils.errors import PipelineError

ROUNDING = 0.1  # seconds: more than a codec's block of samples


class ClipFrames(NamedTuple):
    """What `read_frames` returns."""

    images: np.ndarray  # (count, height, width, 3) uint8 RGB
    note: str  # "" or, for a clip shorter than `count` seconds, what was repeated


def frame_indices(fps: float, n_frames: int, count: int = FRAMES) -> list[int]:
    """Numbers of the frames that AVSBench's script takes, one for each of the first `count` seconds.

    With fps rounded to an integer, a half to the even one, second l gives frame `int(l*fps + 15/16*fps)`,
    clamped to the last frame.
    """
    if n_frames < 1:
        raise ValueError("a clip has at least one frame")
    return [min(index, n_frames - 1) for index in _unclamped(fps, count)]


def _unclamped(fps: float, count: int) -> list[int]:
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"frame rate {fps} is not a positive number")
    rate = max(1, round(fps))
    return [second * rate + 15 * rate // 16 for second in range(count)]


def read_frames(path: Path, count: int = FRAMES) -> ClipFrames:
    """The frames by `frame_indices`, decoding little besides them; one thread.

    Frames are numbered as the published script sees them: at a constant rate from the file's start (see
    `_copies`). A clip that ends before second `count` repeats its last frame and `note` says so. Raises
    `PipelineError` for a file that is missing, damaged, cut short, or without pictures.
    """
    with _open(path) as container:
        stream = _video_stream(container, path)
        fps = float(stream.average_rate)
        wanted = _unclamped(fps, count)
        found = _decode_referenced(container, stream, wanted)
    images, total = found or _decode_all(path, wanted)
    if len({image.shape for image in images.values()}) > 1:
        raise PipelineError(
            f"{path}: its pictures change their size midway; encode it anew (`ffmpeg -i IN -s WxH OUT`)."
        )
    absent = [second for second in range(count) if second * max(1, round(fps)) >= total]
    note = ""
    if absent:
        taken = count - len(absent)
        note = f"{total} frames at {fps:.4g} a second give {taken} of {count}; the last frame is repeated"
    return ClipFrames(np.stack([images[min(index, total - 1)] for index in wanted]), note)


Decoded = tuple[dict[int, np.ndarray], int]  # images by frame number; how many frames were seen
REORDERED = 64  # packets; H.264 shows a frame at most 16 places from where it stores it


def _copies(ahead: float, span: int) -> tuple[int, int]:
    """How often FFmpeg gives a frame where frames are wanted at a constant rate, as imageio wants them, and
    the published script takes them from imageio.

    FFmpeg repeats a frame to fill a gap, in the file's beginning too, and drops one that comes too late.

    Args:
        ahead: frames at that rate from where the next one belongs to where this one does.
        span: frames at that rate that this one lasts.

    Returns:
        How many to give in all, and how many of these are the frame before it.
    """
    end = ahead + span
    if end < -1.1:
        return 0, 0
    if end > 1.1:
        return round(end), round(ahead - 0.6) if ahead > 1.1 else 0
    return 1, 0


class _Clock:
    """A file's times, in frames at the constant rate from its start."""

    def __init__(self, container: Any, stream: Any) -> None:
        rate = stream.guessed_rate or stream.average_rate
        self.scale = float(stream.time_base * rate)
        self.start = (container.start_time or 0) / av.time_base * float(rate)

    def pick(self, frames: Iterable[Any], wanted: list[int]) -> tuple[dict[int, Any], int]:
        """Those of the packets or frames, in the order they are shown, that stand at the wanted places of a
        constant rate, by place; and how many places there are, up to the last wanted one.

        Of frames that end before it the last is given, with its place. One without a time comes when it is
        due.
        """
        picked: dict[int, Any] = {}
        given, last = 0, None
        for frame in frames:
            ahead = 0.0 if frame.pts is None else frame.pts * self.scale - self.start - given
            copies, before = _copies(ahead, round((frame.duration or 0) * self.scale) or 1)
            for place in wanted:
                if given <= place < given + copies:
                    picked[place] = frame if last is None or place >= given + before else last
            given, last = given + copies, frame
            if given > wanted[-1]:
                return picked, given
        total = max(given, 1)
        return picked | ({} if last is None else {total - 1: last}), total


def _decode_all(path: Path, wanted: list[int]) -> Decoded:
    """Decode up to the last wanted frame; the last of a shorter clip comes with the rest."""
    seen = 0

    def counted(frames: Iterable[Any]) -> Iterator[Any]:
        nonlocal seen
        for frame in frames:
            seen += 1
            yield frame

    with _open(path) as container:
        stream = _video_stream(container, path)
        picked, total = _Clock(container, stream).pick(counted(_decode(container, stream, path)), wanted)
        promised = stream.frames
        if stream.duration is not None:  # `frames` has those too that an edit list hides, of a copied part
            shown = stream.duration * stream.time_base * stream.average_rate
            promised = min(promised, math.ceil(shown))
    if not seen:
        raise PipelineError(
            f"{path}: no frame could be decoded; the file is damaged, fetch or encode it again."
        )
    if total <= wanted[-1] and seen < 0.95 * promised - 1:
        raise PipelineError(f"{path}: ends after {seen} of {promised} frames: cut short, fetch it again.")
    return {place: _rgb(frame) for place, frame in picked.items()}, total


def _decode_referenced(container: Any, stream: Any, wanted: list[int]) -> Decoded | None:
    """Decode the wanted frames and those that others refer to: a quarter less work where a file has B-frames.

    In H.264 each packet is one frame, so the packets' time stamps, sorted, number the frames before any is
    decoded. None where that does not hold (another codec, time stamps missing or double, fewer packets than
    the file promises, a wanted frame that does not come): then all are decoded.
    """
    if stream.codec_context.name != "h264":
        return None
    enough = wanted[-1] + 1 + REORDERED
    images: dict[int, np.ndarray] = {}
    try:
        packets = list(
            itertools.islice((packet for packet in container.demux(stream) if packet.size), enough)
        )
        seen = [packet for packet in packets if not packet.is_discard]
        times = {packet.pts for packet in seen}
        if None in times or len(times) < max(1, len(seen), min(stream.frames, enough)):
            return None
        in_order = sorted(seen, key=lambda packet: packet.pts)
        picked, total = _Clock(container, stream).pick(in_order, wanted)
        if total <= wanted[-1] and len(packets) == enough:  # most were dropped: more are to come
            return None
        needed = {packet.pts for packet in picked.values()}
        for packet in [*packets, None]:  # None: what the decoder holds back
            wants = packet is None or packet.pts in needed
            stream.codec_context.skip_frame = "DEFAULT" if wants else "NONREF"
            for frame in stream.codec_context.decode(packet):
                if frame.pts in needed:
                    images[frame.pts] = _rgb(frame)
            if len(images) == len(needed):
                return {place: images[packet.pts] for place, packet in picked.items()}, total
    except av.FFmpegError:
        pass  # decoding it all again tells what is wrong
    return None


def read_mono(path: Path, rate: int = 16_000, seconds: float = float(FRAMES)) -> np.ndarray:
    """The sound of a video or a wav file as one channel.

    Channels are resampled each for itself and then averaged: FFmpeg's own mono mix is up to 3 dB louder for
    correlated stereo. An end within `ROUNDING` of the pictures' is brought to it, trimmed or filled with
    silence (AAC rounds up to whole blocks); sound that is longer or shorter by more is left as long as it is,
    up to `seconds`.

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
        end = _end(container)
    wave = np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
    if not wave.size:
        raise PipelineError(
            f"{path}: no sound could be decoded; the file is damaged, fetch or encode it again."
        )
    length = wave.size
    if end is not None and abs(end * rate - length) <= ROUNDING * rate:
        length = round(end * rate)
    wave = wave[: min(length, round(seconds * rate))]
    silence = max(0, min(length, round(seconds * rate)) - wave.size)
    return np.pad(wave, (0, silence))


def check_video(path: Path) -> None:
    """Open a video, without decoding: `PipelineError` if it is damaged or lacks pictures or sound."""
    with _open(path) as container:
        _video_stream(container, path)
        _audio_stream(container, path)


def _video_stream(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise PipelineError(f"{path}: has no video stream; fetch it again or take the clip out of the table.")
    stream = _decodable(container.streams.video[0], path)
    if not stream.average_rate:
        raise PipelineError(f"{path}: tells no frame rate; encode it anew (`ffmpeg -i IN -r 25 OUT`).")
    stream.thread_count = 1  # clips are decoded in parallel: more threads a clip would only compete
    return stream


def _audio_stream(container: Any, path: Path) -> Any:
    if not container.streams.audio:
        raise PipelineError(
            f"{path}: has no sound, which the method needs; fetch it again or take the clip out."
        )
    return _decodable(container.streams.audio[0], path)


def _decodable(stream: Any, path: Path) -> Any:
    if stream.codec_context is None:
        raise PipelineError(
            f"{path}: its {stream.type} is in a form that cannot be decoded; encode it anew "
            "(`ffmpeg -i IN OUT`)."
        )
    return stream


def _rgb(frame: Any) -> np.ndarray:
    """Upright: a phone stores portrait lying on its side, with a matrix that says so."""
    image = frame.to_ndarray(format="rgb24", threads=1)
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def _end(container: Any) -> float | None:
    """When the pictures end, in seconds from the file's start; None for a file without pictures."""
    if not container.streams.video:
        return None
    stream = container.streams.video[0]
    if stream.duration is not None:
        first = (stream.start_time or 0) * stream.time_base
        return float(first + stream.duration * stream.time_base) - (container.start_time or 0) / av.time_base
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
