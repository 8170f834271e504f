"""VGGish's front end: log-mel spectrogram examples (Hershey et al., ICASSP 2017)."""

from __future__ import annotations

import functools

import numpy as np

from pipeline.data.clip import FRAMES
from pipeline.utils.errors import PipelineError

RATE = 16_000  # samples a second
WINDOW = 400  # samples: 25 ms
HOP = 160  # 10 ms
FFT = 512
BANDS = 64
LOWEST, HIGHEST = 125.0, 7_500.0  # Hz
OFFSET = 0.01
EXAMPLE = 96  # spectrogram frames an example: 0.96 s
SHORTEST = WINDOW + (EXAMPLE - 1) * HOP  # samples that give one example


def log_mel(wave: np.ndarray) -> np.ndarray:
    """Examples of log-mel frames, one after another without overlap; what does not fill an example is
    dropped.

    STFT with a periodic Hann window, magnitude (not power), 64 HTK mel bands from 125 to 7,500 Hz, log(mel +
    0.01). Silence gives ln 0.01 everywhere.

    Args:
        wave: (samples,) mono, 16 kHz, about -1 to 1.

    Returns: (examples, 96, 64) float32; no example for less than 0.975 s.
    """
    if wave.ndim != 1:
        raise ValueError(f"a mono wave has one axis, not {wave.ndim}")
    count = max(0, 1 + (wave.size - WINDOW) // HOP) // EXAMPLE * EXAMPLE
    if count == 0:
        return np.zeros((0, EXAMPLE, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), WINDOW)[::HOP][:count]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * hann, FFT))
    return np.log(magnitude @ mel_matrix() + OFFSET).reshape(-1, EXAMPLE, BANDS).astype(np.float32)


def clip_examples(wave: np.ndarray, count: int = FRAMES) -> tuple[np.ndarray, str]:
    """`count` examples of a clip: the first ones, or the last one repeated; and a note that says so, or ''.

    Returns: (count, 1, 96, 64) float32 and the note. Raises `PipelineError` for less than 0.975 s of sound.
    """
    examples = log_mel(wave)
    found = len(examples)
    if found == 0:
        raise PipelineError(
            f"{wave.size / RATE:.2f} s of sound, and {SHORTEST / RATE} s are the least; "
            "use a longer clip or take it out of the table."
        )
    note = ""
    if found < count:
        examples = np.concatenate([examples, np.repeat(examples[-1:], count - found, axis=0)])
        note = f"{wave.size / RATE:.2f} s of sound give {found} of {count} examples; the last is repeated"
    return examples[:count, None], note


@functools.cache
def mel_matrix() -> np.ndarray:
    """(257, 64) float64: filters triangular in HTK mels, 1 at their centre; DC counts nowhere."""
    edges = np.linspace(_mel(np.array(LOWEST)), _mel(np.array(HIGHEST)), BANDS + 2)
    bins = _mel(np.linspace(0, RATE / 2, FFT // 2 + 1))[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    return np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + hertz / 700.0)
