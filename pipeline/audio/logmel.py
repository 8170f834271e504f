"""Log-mel spectrograms: VGGish's front end (Hershey et al., ICASSP 2017).

VGGish sees sound in patches of 96 spectrogram frames, 0.96 s each, which its authors call examples.
"""

from __future__ import annotations

import functools

import numpy as np

from pipeline.data.clip import FRAMES
from pipeline.data.sound import RATE
from pipeline.utils.errors import PipelineError

WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms
FFT = 512
BANDS = 64
MIN_HZ, MAX_HZ = 125.0, 7_500.0
OFFSET = 0.01
PATCH = 96  # spectrogram frames in a patch
MIN_SAMPLES = WINDOW + (PATCH - 1) * HOP  # that give one patch


def log_mel(wave: np.ndarray) -> np.ndarray:
    """Log-mel patches of a sound, one after another without overlap; what does not fill a patch is dropped.

    STFT with a periodic Hann window, magnitude (not power), 64 HTK mel bands from 125 to 7,500 Hz,
    log(mel + 0.01). Silence gives ln 0.01 everywhere.

    Args:
        wave: (samples,) mono, 16 kHz, about -1 to 1.

    Returns:
        (patches, 96, 64) float32; no patch for less than 0.975 s.

    Raises:
        ValueError: the wave has more than one axis.
    """
    if wave.ndim != 1:
        raise ValueError(f"a mono wave has one axis, not {wave.ndim}")
    count = max(0, 1 + (wave.size - WINDOW) // HOP) // PATCH * PATCH
    if count == 0:
        return np.zeros((0, PATCH, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), WINDOW)[::HOP][:count]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * hann, FFT))
    return np.log(magnitude @ mel_matrix() + OFFSET).reshape(-1, PATCH, BANDS).astype(np.float32)


def clip_patches(wave: np.ndarray) -> tuple[np.ndarray, str]:
    """The first five patches of a clip; a shorter clip repeats its last one.

    Args:
        wave: (samples,) mono, 16 kHz.

    Returns:
        (5, 1, 96, 64) float32, and a note of what was repeated, or "".

    Raises:
        PipelineError: the sound is shorter than 0.975 s.
    """
    patches = log_mel(wave)
    found = len(patches)
    if found == 0:
        raise PipelineError(
            f"{wave.size / RATE:.2f} s of sound, but at least {MIN_SAMPLES / RATE} s are needed; "
            "use a longer clip or remove it from the table."
        )
    note = ""
    if found < FRAMES:
        patches = np.concatenate([patches, np.repeat(patches[-1:], FRAMES - found, axis=0)])
        note = f"{wave.size / RATE:.2f} s of sound give {found} of {FRAMES} patches; the last is repeated"
    return patches[:FRAMES, None], note


@functools.cache
def mel_matrix() -> np.ndarray:
    """(257, 64) float64: triangular filters in HTK mels, 1 at their centre; the DC bin has weight 0."""
    edges = np.linspace(_mel(np.array(MIN_HZ)), _mel(np.array(MAX_HZ)), BANDS + 2)
    bins = _mel(np.linspace(0, RATE / 2, FFT // 2 + 1))[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    return np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + hertz / 700.0)
