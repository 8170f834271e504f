"""Sound of a clip: one channel at 16 kHz, from a video or a sound file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.data.clip import FRAMES
from pipeline.data.media import audio_stream, decode, find_stream, open_media
from pipeline.utils.errors import PipelineError

RATE = 16_000  # samples a second
SECONDS = FRAMES  # of sound at most: one for each frame
ROUNDING = 0.1  # seconds: more than a codec's block of samples


def read_mono(path: Path) -> np.ndarray:
    """Read the sound of a video or sound file as one channel, on the clock of its pictures.

    Each channel is resampled by itself, then they are averaged: FFmpeg's own mono mix is up to 3 dB louder
    for correlated stereo. Sound that starts more than `ROUNDING` after the file, or has a gap longer than
    that, is silence there. If sound and pictures end within `ROUNDING` of each other (AAC rounds up to whole
    blocks), the sound is trimmed or filled with silence to end with the pictures; if they differ by more, it
    keeps its length, up to `SECONDS`.

    Args:
        path: any format that FFmpeg reads.

    Returns:
        (samples,) float32 in about -1 to 1, at `RATE`; a 4-second clip gives 4 seconds.

    Raises:
        PipelineError: the file is missing, damaged or has no sound, or a sample is not finite.
    """
    with open_media(path) as container:
        wave = _decode_mono(container, path)
        end = _end_of_pictures(container)
    if not wave.size:
        raise PipelineError(
            f"{path}: no sound could be decoded; the file is damaged, fetch or encode it again."
        )
    length = wave.size
    if end is not None and abs(end * RATE - length) <= ROUNDING * RATE:
        length = round(end * RATE)
    length = min(length, SECONDS * RATE)
    wave = wave[:length]
    if not np.isfinite(wave).all():
        raise PipelineError(
            f"{path}: its sound has samples that are NaN or infinite; export or fetch it again."
        )
    return np.pad(wave, (0, length - wave.size))


def _decode_mono(container: Any, path: Path) -> np.ndarray:
    """Decode sound from the file's start, half a second longer than is needed, for the filter's delay."""
    stream = audio_stream(container, path)
    start = (container.start_time or 0) / av.time_base  # of the file: where its clock reads 0
    stored, frame = av.AudioFifo(), None
    gaps: list[tuple[float, float]] = []  # seconds of sound before a gap, and of silence in it
    silence = 0.0
    for frame in decode(container, stream, path):
        heard = stored.samples / frame.sample_rate
        late = 0.0 if frame.time is None else frame.time - start - heard - silence
        if late > ROUNDING:  # less is a codec's rounding, and a time that goes back is not followed
            late = min(late, SECONDS + 1.0)  # of a broken time stamp years ahead
            gaps.append((heard, late))
            silence += late
        frame.pts = None  # the resampler is to know nothing of the gaps, which are filled after it
        stored.write(frame)
        if stored.samples / frame.sample_rate + silence > SECONDS + 0.5:
            break
    if frame is None:
        return np.zeros(0, np.float32)
    # packed: with eight planes or more PyAV reads beyond its list of them
    resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=RATE)
    pieces = [*resampler.resample(stored.read()), *resampler.resample(None)]
    channels = frame.layout.nb_channels
    parts = [piece.to_ndarray().reshape(-1, channels).mean(axis=1) for piece in pieces]
    wave = np.concatenate(parts).astype(np.float32)
    before = [round(heard * RATE) for heard, _ in gaps]
    fills = [np.zeros(round(seconds * RATE), np.float32) for _, seconds in gaps]
    pairs = zip(np.split(wave, before), [*fills, np.zeros(0, np.float32)], strict=True)
    return np.concatenate([part for pair in pairs for part in pair])


def _end_of_pictures(container: Any) -> float | None:
    """When the pictures end, in seconds from the file's start; None for a file without pictures."""
    stream = find_stream(container, "video")
    if stream is None:
        return None
    if stream.duration is not None:
        first = (stream.start_time or 0) * stream.time_base
        return float(first + stream.duration * stream.time_base) - (container.start_time or 0) / av.time_base
    return container.duration / av.time_base if container.duration else None
