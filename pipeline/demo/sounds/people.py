"""Voices, and fingers on a keyboard: each function makes n samples of one individual, mono at `RATE`."""

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
)


def laughter(rng: Rng, n: int) -> Wave:
    """Runs of short high vowels, "ha-ha-ha", with breath between."""
    pitch, rate = rng.uniform(380, 520), rng.uniform(4.5, 6.5)
    open_vowel = [(rng.uniform(1000, 1300), 1.0), (rng.uniform(1900, 2300), 0.7), (3900, 0.4)]

    def ha() -> Wave:
        m = samples_of(0.6 / rate)
        glide = pitch * rng.uniform(0.85, 1.25) * np.linspace(1.15, 0.85, m)
        return hump(m) * (tone(glide, voice(pitch, open_vowel, 300), m) + 0.25 * noise(rng, 1500, 6000, m))

    return strokes(beats(rng, rate, n, 0.08), ha, n)


def singing(rng: Rng, n: int) -> Wave:
    """Sustained notes with vibrato and a singer's formants."""
    base = rng.uniform(300, 420)
    vowel = [(rng.uniform(650, 850), 1.0), (rng.uniform(1100, 1300), 0.6), (2900, 0.55)]
    steps = 2 ** (np.array([0, 2, 4, 5, 7, 9, 12]) / 12)

    def note() -> Wave:
        m = samples_of(rng.uniform(0.7, 1.1))
        pitch = base * rng.choice(steps)
        vibrato = 1 + 0.018 * np.sin(2 * np.pi * rng.uniform(5, 6.5) * seconds_of(m))
        return hump(m, 0.35) * tone(pitch * vibrato, voice(pitch, vowel, 220), m)

    return strokes(beats(rng, rng.uniform(1.3, 1.9), n, 0.1), note, n)


def speech(rng: Rng, n: int) -> Wave:
    """Syllables on a low voice, each with a vowel of its own, some with a hiss before them."""
    pitch = rng.uniform(95, 140)
    vowels = [(700, 1150), (450, 1850), (320, 2250), (500, 900), (350, 750)]

    def syllable() -> Wave:
        m = samples_of(rng.uniform(0.14, 0.24))
        first, second = vowels[rng.integers(len(vowels))]
        glide = pitch * rng.uniform(0.85, 1.2) * np.linspace(1.05, 0.92, m)
        wave = hump(m, 0.6) * tone(glide, voice(pitch, [(first, 1.0), (second, 0.5), (2600, 0.2)], 120), m)
        if rng.random() < 0.35:
            hiss = samples_of(0.06)
            wave[:hiss] += 0.5 * hump(hiss) * noise(rng, 3500, 7500, hiss)
        return wave

    return strokes(beats(rng, rng.uniform(4, 5.5), n), syllable, n)


def keys(rng: Rng, n: int) -> Wave:
    """Soft dry clicks in the top bands, now and then a lower thud."""
    rate, thud = rng.uniform(7, 11), rng.uniform(300, 450)

    def key() -> Wave:
        m = samples_of(0.05)
        wave = fade(m, 0.006, 0.0005) * noise(rng, 3500, 8000, m) * rng.uniform(0.6, 1.2)
        return wave + (0.4 * fade(m, 0.012) * tone(thud, [1], m) if rng.random() < 0.25 else 0)

    return strokes(beats(rng, rate, n, 0.35), key, n)
