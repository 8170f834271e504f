"""The sounds of instruments: each function makes n samples of one individual, mono at `RATE`."""

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
    sawtooth,
    seconds_of,
    strokes,
    tone,
)


def _plucks(rng: Rng, n: int, base: float, rate: float, tau: float, dull: float) -> Wave:
    scale = 2 ** (np.array([0, 3, 5, 7, 10, 12, 15]) / 12)

    def pluck() -> Wave:
        m = samples_of(min(5 * tau, 1.2))
        pitch = base * rng.choice(scale)
        bright, body = tone(pitch, sawtooth(24, dull), m), tone(pitch, sawtooth(6, dull + 0.6), m)
        return fade(m, tau / 3) * bright + fade(m, tau) * body

    return strokes(beats(rng, rate, n, 0.05), pluck, n)


def guitar(rng: Rng, n: int) -> Wave:
    """Plucked low strings that ring on."""
    return _plucks(rng, n, rng.uniform(100, 160), rng.uniform(3, 4.5), rng.uniform(0.35, 0.5), 1.1)


def ukulele(rng: Rng, n: int) -> Wave:
    """Quick strums of four short bright strings."""
    base, up = rng.uniform(390, 480), 2 ** (np.array([0, 4, 7, 9]) / 12)
    step = rng.choice(2 ** (np.array([0, 5, 7]) / 12), 64)
    state = {"strum": 0}

    def strum() -> Wave:
        m = samples_of(0.35)
        wave = np.zeros(m)
        root = base * step[state["strum"] // 4 % len(step)]
        state["strum"] += 1
        for number, ratio in enumerate(up):
            late = samples_of(0.012 * number)
            wave[late:] += (fade(m, 0.09) * tone(root * ratio, sawtooth(12, 0.9), m))[: m - late]
        return wave

    return strokes(beats(rng, rng.uniform(4.5, 6.5), n, 0.05), strum, n)


def bells(rng: Rng, n: int) -> Wave:
    """Clear high bars, each a few pure partials that ring."""
    base = rng.uniform(1500, 2000)
    scale = 2 ** (np.array([0, 2, 4, 7, 9, 12]) / 12)

    def bell() -> Wave:
        m = samples_of(0.7)
        pitch = base * rng.choice(scale)
        return fade(m, 0.22, 0.001) * tone(pitch, [1], m) + fade(m, 0.05, 0.001) * 0.5 * tone(
            2.76 * pitch, [1], m
        )

    return strokes(beats(rng, rng.uniform(3, 5), n, 0.08), bell, n)


def piano(rng: Rng, n: int) -> Wave:
    """Chords of struck strings over two octaves, with the knock of the hammer."""
    base = rng.uniform(160, 230)
    scale = 2 ** (np.array([0, 4, 5, 7, 9, 12, 16, 19, 24]) / 12)

    def chord() -> Wave:
        m = samples_of(1.0)
        notes = sum(tone(base * ratio, sawtooth(8, 1.5), m) for ratio in rng.choice(scale, 3, replace=False))
        knock = samples_of(0.03)
        wave = fade(m, 0.4, 0.004) * notes
        wave[:knock] += 0.4 * fade(knock, 0.008) * noise(rng, 200, 1200, knock)
        return wave

    return strokes(beats(rng, rng.uniform(2, 3), n, 0.05), chord, n)


def tabla(rng: Rng, n: int) -> Wave:
    """Fast strokes on two drums: a gliding boom and a ringing tap."""
    deep, ring = rng.uniform(75, 105), rng.uniform(280, 380)

    def stroke() -> Wave:
        m = samples_of(0.3)
        if rng.random() < 0.4:
            glide = deep * (1 + 0.5 * (1 - np.exp(-seconds_of(m) / 0.08)))
            return 1.3 * fade(m, 0.12) * tone(glide, [1, 0.15], m)
        tap = fade(m, 0.05) * tone(ring * rng.choice([1, 1, 1.5]), [1, 0.7, 0.4], m)
        click = samples_of(0.012)
        tap[:click] += 0.6 * fade(click, 0.003) * noise(rng, 800, 4000, click)
        return tap

    return strokes(beats(rng, rng.uniform(6, 9), n, 0.06), stroke, n)


def violin(rng: Rng, n: int) -> Wave:
    """Bowed notes that run into one another: rich harmonics to the top, vibrato."""
    base = rng.uniform(520, 700)
    scale = 2 ** (np.array([0, 2, 4, 5, 7, 9]) / 12)

    def bow() -> Wave:
        m = samples_of(rng.uniform(0.5, 0.9))
        vibrato = 1 + 0.01 * np.sin(2 * np.pi * rng.uniform(5, 7) * seconds_of(m))
        wave = tone(base * rng.choice(scale) * vibrato, sawtooth(16, 0.7), m)
        return hump(m, 0.3) * (wave + 0.05 * noise(rng, 2000, 8000, m))

    return strokes(beats(rng, rng.uniform(2, 2.8), n, 0.08), bow, n)
