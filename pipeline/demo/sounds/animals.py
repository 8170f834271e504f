"""The sounds of animals: each function makes n samples of one individual, mono at `RATE`."""

from __future__ import annotations

import numpy as np

from pipeline.demo.synth import (
    Rng,
    Wave,
    beats,
    fade,
    hump,
    noise,
    samples_of,
    seconds_of,
    strokes,
    tone,
    voice,
    wobble,
)


def meows(rng: Rng, n: int) -> Wave:
    """Long gliding cries that open and close."""
    pitch, rate = rng.uniform(550, 750), rng.uniform(1.2, 1.8)

    def meow() -> Wave:
        m = samples_of(rng.uniform(0.5, 0.8))
        glide = pitch * (0.8 + 0.45 * hump(m)) * rng.uniform(0.95, 1.05)
        closed = tone(glide, voice(pitch, [(pitch, 1.0), (2 * pitch, 0.8)], 300), m)
        wide = tone(glide, voice(pitch, [(1500, 0.9), (2600, 0.9)], 500), m)
        opening = hump(m, 2)
        return hump(m, 0.6) * (closed * (1 - opening) + wide * opening)

    return strokes(beats(rng, rate, n), meow, n)


def howls(rng: Rng, n: int) -> Wave:
    """Long pure calls that rise, hold and fall, one over another."""
    pitch = rng.uniform(380, 520)

    def howl() -> Wave:
        m = samples_of(rng.uniform(1.3, 1.9))
        course = pitch * rng.uniform(0.9, 1.15) * (0.75 + 0.35 * hump(m, 0.5))
        vibrato = 1 + 0.012 * np.sin(2 * np.pi * rng.uniform(4, 6) * seconds_of(m))
        return hump(m, 0.4) * tone(course * vibrato, [1, 0.22, 0.06], m)

    return strokes(beats(rng, rng.uniform(0.9, 1.3), n, 0.2), howl, n)


def barks(rng: Rng, n: int) -> Wave:
    """Short rough bursts in the middle bands."""
    pitch = rng.uniform(210, 340)
    throat = [(rng.uniform(550, 800), 1.0), (rng.uniform(1100, 1400), 0.6)]

    def bark() -> Wave:
        m = samples_of(rng.uniform(0.2, 0.3))
        glide = pitch * np.linspace(1.3, 0.8, m)
        return fade(m, 0.11, 0.01) * (
            tone(glide, voice(pitch, throat, 250), m) + 0.7 * noise(rng, 400, 1600, m)
        )

    return strokes(beats(rng, rng.uniform(2.8, 4.0), n), bark, n)


def hooves(rng: Rng, n: int) -> Wave:
    """Pairs of hollow wooden knocks, clip and clop."""
    high, low = rng.uniform(1500, 1900), rng.uniform(950, 1200)
    state = {"step": 0}

    def knock() -> Wave:
        state["step"] += 1
        m = samples_of(0.12)
        pitch = (high if state["step"] % 2 else low) * rng.uniform(0.96, 1.04)
        return fade(m, 0.018, 0.001) * (tone(pitch, [1, 0.3], m) + 0.3 * noise(rng, 600, 3000, m))

    return strokes(beats(rng, rng.uniform(4, 6), n, 0.08), knock, n)


def roars(rng: Rng, n: int) -> Wave:
    """Long swelling growls, rough and low."""
    pitch = rng.uniform(75, 110)

    def roar() -> Wave:
        m = samples_of(rng.uniform(0.9, 1.4))
        course = pitch * (0.75 + 0.45 * hump(m)) * (1 + 0.12 * wobble(rng, 28, m))
        throat = tone(course, voice(pitch, [(320, 1.0), (650, 0.7)], 220), m)
        return hump(m, 0.7) * (throat / throat.std() + 0.9 * noise(rng, 150, 900, m))

    return strokes(beats(rng, rng.uniform(1.0, 1.4), n, 0.1), roar, n)


def chirps(rng: Rng, n: int) -> Wave:
    """Quick whistles that leap about between 1.9 and 4.6 kHz."""
    centre = rng.uniform(2500, 3300)

    def chirp() -> Wave:
        m = samples_of(rng.uniform(0.09, 0.18))
        start, end = centre * rng.uniform(0.75, 1.4, 2)
        return hump(m) * tone(np.linspace(start, end, m), [1, 0.15], m)

    return strokes(beats(rng, rng.uniform(5, 8), n, 0.3), chirp, n)
