"""Building blocks of the demo's sounds: waves, noise, strokes and envelopes, all mono float64 at `RATE`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from scipy.signal import butter, sosfilt

RATE = 44_100  # Hz
_TABLE = 4096
_TOP = 9_000.0  # Hz; the mel bands of VGGish end at 7,500

Rng = np.random.Generator
Wave = np.ndarray


def seconds_of(n: int) -> Wave:
    """Time of each of n samples, in seconds."""
    return np.arange(n) / RATE


def samples_of(seconds: float) -> int:
    """How many samples `seconds` hold."""
    return int(seconds * RATE)


def tone(pitch: Wave | float, partials: Sequence[float], n: int) -> Wave:
    """A harmonic tone: `pitch` in Hz (one, or one a sample), `partials[h]` the strength of harmonic h + 1."""
    pitch = np.broadcast_to(np.asarray(pitch, float), (n,))
    limit = max(1, int(_TOP / max(float(pitch.max()), 1.0)))
    strengths = np.asarray(partials[:limit], float)
    number = np.arange(1, len(strengths) + 1)
    spectrum = np.zeros(_TABLE // 2 + 1, complex)
    spectrum[number] = strengths * np.exp(0.7j * number**2) * (_TABLE / 2)  # phases that keep peaks low
    period = np.fft.irfft(spectrum)
    phase = np.cumsum(pitch) / RATE
    return period[(phase * _TABLE).astype(np.int64) % _TABLE]


def sawtooth(count: int, power: float = 1.0) -> list[float]:
    """Partials that fall as 1 / h**power."""
    return [1 / (h + 1) ** power for h in range(count)]


def voice(pitch: float, formants: Sequence[tuple[float, float]], width: float = 160.0) -> list[float]:
    """Partials of a voice at `pitch`; `formants` (Hz, gain) are bumps `width` Hz wide over a slope."""
    harmonics = pitch * np.arange(1, int(_TOP / pitch) + 1)
    spectrum = 0.12 * pitch / harmonics
    for frequency, gain in formants:
        spectrum = spectrum + gain * np.exp(-(((harmonics - frequency) / width) ** 2))
    return list(spectrum)


def noise(rng: Rng, low: float, high: float, n: int) -> Wave:
    """White noise between two frequencies in Hz, with deviation 1."""
    wave = sosfilt(_band(low, high), rng.standard_normal(n))
    return np.asarray(wave / (wave.std() + 1e-9))


@functools.lru_cache
def _band(low: float, high: float) -> np.ndarray:
    return np.asarray(butter(2, (low, high), "bandpass", fs=RATE, output="sos"))


def fade(n: int, tau: float, attack: float = 0.002) -> Wave:
    """The envelope of a struck thing: a rise over `attack` seconds, then a decay with time constant `tau`."""
    time = seconds_of(n)
    return np.minimum(time / attack, 1.0) * np.exp(-time / tau)


def hump(n: int, power: float = 1.0) -> Wave:
    """The envelope of a breath: up and down as half a sine."""
    return np.sin(np.pi * (np.arange(n) + 0.5) / n) ** power


def beats(rng: Rng, rate: float, n: int, jitter: float = 0.15) -> list[int]:
    """Start samples of about `rate` events a second, `jitter` (a fraction of the gap) off the beat."""
    gap = RATE / rate
    first = rng.uniform(0, 0.5) * gap
    starts = np.arange(first, n, gap)
    return [int(s) for s in np.maximum(starts + rng.uniform(-jitter, jitter, len(starts)) * gap, 0)]


def strokes(starts: Sequence[int], make: Callable[[], Wave], n: int) -> Wave:
    """The sum of one freshly made sound at each start, cut at n samples."""
    wave = np.zeros(n)
    for start in starts:
        sound = make()[: max(0, n - start)]
        wave[start : start + len(sound)] += sound
    return wave


def wobble(rng: Rng, rate: float, n: int) -> Wave:
    """A smooth random course between -1 and 1 that turns about `rate` times a second."""
    knots = rng.uniform(-1, 1, int(n / RATE * rate) + 3)
    place = seconds_of(n) * rate
    left = place.astype(np.int64)
    part = place - left
    blend = part * part * (3 - 2 * part)
    return knots[left] * (1 - blend) + knots[left + 1] * blend
