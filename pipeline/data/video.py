"""Frames of a video: the five that AVSBench takes, decoded with as little work as possible."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from pipeline.data.clip import FRAMES
from pipeline.data.display_matrix import upright
from pipeline.data.media import decode, open_media, video_stream
from pipeline.utils.errors import PipelineError

REORDERED = 64  # packets; H.264 shows a frame at most 16 places from where it stores it
Decoded = tuple[dict[int, np.ndarray], int]  # images by frame number; how many frames were seen


class ClipFrames(NamedTuple):
    """Frames of one clip.

    Attributes:
        images: (5, height, width, 3) uint8 RGB.
        note: "", or which frame was repeated because the clip is shorter than 5 seconds.
    """

    images: np.ndarray
    note: str


def frame_indices(fps: float, n_frames: int) -> list[int]:
    """Indices of the frames that AVSBench's script takes, one for each of the first five seconds.

    Second l gives frame `int(l * fps + 15/16 * fps)`, where fps is rounded to an integer (a half to the even
    one), clamped to the last frame.

    Args:
        fps: frames a second.
        n_frames: frames in the clip.

    Returns:
        Five indices, counted from 0.

    Raises:
        ValueError: the clip has no frame, or fps is not a positive number.
    """
    if n_frames < 1:
        raise ValueError("a clip has at least one frame")
    return [min(index, n_frames - 1) for index in _unclamped(fps)]


def _unclamped(fps: float) -> list[int]:
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"frame rate {fps} is not a positive number")
    rate = max(1, round(fps))
    return [second * rate + 15 * rate // 16 for second in range(FRAMES)]


def read_frames(path: Path) -> ClipFrames:
    """Read the frames that `frame_indices` names, decoding few others, on one thread.

    Frames are numbered as the published script sees them: at a constant rate from the file's start (see
    `_copies`). A clip shorter than five seconds repeats its last frame.

    Args:
        path: any video that FFmpeg reads.

    Returns:
        The frames, and a note if one was repeated.

    Raises:
        PipelineError: the file is missing, damaged, cut short, or has no pictures.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        fps = float(_frame_rate(stream))
        wanted = _unclamped(fps)
        found = _decode_referenced(container, stream, wanted)
    images, total = found or _decode_all(path, wanted)
    if len({image.shape for image in images.values()}) > 1:
        raise PipelineError(
            f"{path}: its frames change size midway; encode it again (`ffmpeg -i IN -s WxH OUT`)."
        )
    taken = sum(second * max(1, round(fps)) < total for second in range(FRAMES))
    note = ""
    if taken < FRAMES:
        note = f"{total} frames at {fps:.4g} a second give {taken} of {FRAMES}; the last frame is repeated"
    return ClipFrames(np.stack([images[min(index, total - 1)] for index in wanted]), note)


def _frame_rate(stream: Any) -> Fraction:
    """Frames a second by the header, or by the time stamps where the header's rate is far above theirs."""
    guessed = stream.guessed_rate
    return guessed if guessed and stream.average_rate > 1.5 * guessed else stream.average_rate


def _copies(ahead: float, span: int) -> tuple[int, int]:
    """Copies of a frame that FFmpeg gives at a constant frame rate.

    The published script reads frames through imageio, which asks FFmpeg for a constant rate: FFmpeg then
    repeats a frame to fill a gap, also at the file's start, and drops one that comes too late.

    Args:
        ahead: how far this frame is ahead of the next place to fill, in frames at that rate.
        span: how long this frame lasts, in frames at that rate.

    Returns:
        The number of copies in all, and how many of these are of the frame before it.
    """
    end = ahead + span
    if end < -1.1:
        return 0, 0
    if end > 1.1:
        return round(end), round(ahead - 0.6) if ahead > 1.1 else 0
    return 1, 0


class _Clock:
    """Time stamps of a file, in frames at a constant rate from its start."""

    def __init__(self, container: Any, stream: Any) -> None:
        rate = stream.guessed_rate or stream.average_rate
        self.scale = float(stream.time_base * rate)
        # AVI stores no times, only the order of decoding: FFmpeg goes by when a frame is due in that
        self.by_decoding = container.format.name == "avi"
        self.start: float | None = (container.start_time or 0) / av.time_base * float(rate)
        if self.by_decoding and len(container.streams) == 1:
            self.start = None  # the first frame's own

    def pick(self, frames: Iterable[Any], wanted: list[int]) -> tuple[dict[int, Any], int]:
        """Pick the frames that fill the wanted places at a constant rate.

        Args:
            frames: packets or frames, in the order they are shown. One without a time stamp comes when it is
                due.
            wanted: places, rising.

        Returns:
            The frames by place, and the number of places up to the last wanted one. If the frames end before
            it, the last frame is given with its place.
        """
        picked: dict[int, Any] = {}
        given, last = 0, None
        for frame in frames:
            time = frame.dts if self.by_decoding else frame.pts
            if self.start is None:
                self.start = (time or 0) * self.scale
            ahead = 0.0 if time is None else time * self.scale - self.start - given
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
    """Decode up to the last wanted frame; for a shorter clip its last frame is returned, too."""
    seen = 0

    def counted(frames: Iterable[Any]) -> Iterator[Any]:
        nonlocal seen
        for frame in frames:
            seen += 1
            yield frame

    with open_media(path) as container:
        stream = video_stream(container, path)
        picked, total = _Clock(container, stream).pick(counted(decode(container, stream, path)), wanted)
        promised = stream.frames
        if stream.duration is not None:  # `frames` counts those that an edit list hides, too
            shown = stream.duration * stream.time_base * _frame_rate(stream)
            promised = min(promised, math.ceil(shown))
    if not seen:
        raise PipelineError(
            f"{path}: no frame could be decoded; the file is damaged, fetch or encode it again."
        )
    # places, too: AVI counts those where nothing is stored and the last frame stays
    if total <= wanted[-1] and max(seen, total) < 0.95 * promised - 1:
        raise PipelineError(f"{path}: ends after {seen} of {promised} frames: cut short, fetch it again.")
    return {place: _rgb(frame) for place, frame in picked.items()}, total


def _decode_referenced(container: Any, stream: Any, wanted: list[int]) -> Decoded | None:
    """Decode the wanted frames and their reference frames: a quarter less work for a file with B-frames.

    In H.264 each packet is one frame, so the sorted time stamps of the packets number the frames before any
    is decoded.

    Returns:
        As `_decode_all`, or None where that does not hold (another codec, AVI, missing or duplicate times,
        fewer packets than the file promises, a wanted frame that does not come): then all must be decoded.
    """
    if stream.codec_context.name != "h264" or container.format.name == "avi":
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
        if total <= wanted[-1] and len(packets) == enough:  # many were dropped: there is more to read
            return None
        needed = {packet.pts for packet in picked.values()}
        for packet in [*packets, None]:  # None flushes the decoder
            wants = packet is None or packet.pts in needed
            stream.codec_context.skip_frame = "DEFAULT" if wants else "NONREF"
            for frame in stream.codec_context.decode(packet):
                if frame.pts in needed:
                    images[frame.pts] = _rgb(frame)
            if len(images) == len(needed):
                return {place: images[packet.pts] for place, packet in picked.items()}, total
    except av.FFmpegError:
        pass  # decoding everything finds out what is wrong
    return None


def _rgb(frame: Any) -> np.ndarray:
    """RGB pixels of a frame as players show it."""
    return upright(frame, frame.to_ndarray(format="rgb24", threads=1))
