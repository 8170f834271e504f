"""The sounds of motors and a cap gun: each function makes n samples of one individual, mono at `RATE`."""

from __future__ import annotations

import numpy as np

from pipeline.demo.synth import (
    RATE,
    Rng,
    Wave,
    beats,
    fade,
    noise,
    samples_of,
    sawtooth,
    seconds_of,
    strokes,
    tone,
    wobble,
)


def siren(rng: Rng, n: int) -> Wave:
    """A bright tone that sweeps up and down, or jumps between two pitches."""
    low, high = rng.uniform(650, 800), rng.uniform(1200, 1500)
    swing = np.sin(2 * np.pi * rng.uniform(0.4, 1.6) * seconds_of(n) + rng.uniform(0, 6))
    if rng.random() < 0.4:
        swing = np.tanh(20 * swing)
    partials = [1, 0, rng.uniform(0.4, 0.7), 0, rng.uniform(0.2, 0.4), 0, 0.15]
    return tone((low + high) / 2 + (high - low) / 2 * swing, partials, n)


def shots(rng: Rng, n: int) -> Wave:
    """Sharp cracks over the whole band, each with a short echo."""
    tau, colour = rng.uniform(0.04, 0.07), rng.uniform(700, 1200)

    def shot() -> Wave:
        m = samples_of(0.25)
        crack = noise(rng, 150, 9000, m) * fade(m, tau, 0.0005)
        return crack + 0.25 * noise(rng, colour, 2 * colour, m) * fade(m, 0.06, 0.02)

    return strokes(beats(rng, rng.uniform(2.2, 4.0), n), shot, n)


def chainsaw(rng: Rng, n: int) -> Wave:
    """A harsh buzz whose revs rise and fall, with a rasp in the high bands."""
    revs = rng.uniform(95, 135) * (1 + 0.22 * wobble(rng, rng.uniform(0.7, 1.6), n))
    buzz = tone(revs, sawtooth(60, 0.35), n)
    rasp = noise(rng, 2500, 7500, n) * (1 + 0.8 * np.sin(2 * np.pi * np.cumsum(revs) / RATE))
    return buzz / buzz.std() + rng.uniform(0.7, 1.1) * rasp


def bus(rng: Rng, n: int) -> Wave:
    """A deep diesel rumble with a slow roll, almost nothing above 500 Hz."""
    revs = rng.uniform(28, 42) * (1 + 0.15 * wobble(rng, 0.6, n))
    rumble = tone(revs, sawtooth(12, 0.4), n)
    return rumble / rumble.std() + rng.uniform(0.8, 1.2) * noise(rng, 60, 350, n) * (
        1 + 0.3 * wobble(rng, 2, n)
    )


def helicopter(rng: Rng, n: int) -> Wave:
    """Dull thumps nine to fourteen times a second under a turbine's whine."""
    rate = rng.uniform(9, 14)
    thump = np.maximum(np.sin(2 * np.pi * rate * seconds_of(n)), 0) ** 3
    whine = tone(rng.uniform(2300, 2900) * (1 + 0.01 * wobble(rng, 1, n)), [1, 0.3], n)
    return 2.2 * thump * noise(rng, 80, 500, n) + rng.uniform(0.15, 0.3) * whine


def mower(rng: Rng, n: int) -> Wave:
    """An even putter of the engine and the steady hiss of the blade."""
    revs = rng.uniform(52, 68) * (1 + 0.03 * wobble(rng, 1, n))
    engine = tone(revs, [0.6, 1, 0.9, 0.8, 0.6, 0.6, 0.5, 0.4, 0.4, 0.3, 0.3, 0.2], n)
    return engine / engine.std() + rng.uniform(0.5, 0.8) * noise(rng, 900, 2600, n)


def race_car(rng: Rng, n: int) -> Wave:
    """A screaming motor that climbs through its gears again and again."""
    gear = rng.uniform(0.7, 1.2)
    climb = (seconds_of(n) / gear + rng.uniform(0, 1)) % 1.0
    revs = rng.uniform(210, 290) * (1 + 0.9 * climb)
    motor = tone(revs, [0.5, 1, 0.5, 0.9, 0.4, 0.6, 0.3, 0.4, 0.2, 0.3, 0.2, 0.2], n)
    return motor / motor.std() + rng.uniform(0.2, 0.35) * noise(rng, 300, 5000, n)
