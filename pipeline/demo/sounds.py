"""The 23 families of sounds. Each function makes n samples, mono at 44.1 kHz, of one individual.

A family has its own place in the spectrum and its own rhythm; pitch, tempo and timbre vary inside it. Every
second of a sound holds some of it, for every frame has a mask.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.demo.synth import (
    RATE,
    Rng,
    Wave,
    beats,
    fade,
    hump,
    noise,
    sawtooth,
    seconds_of,
    strokes,
    tone,
    voice,
    wobble,
)


def _samples(seconds: float) -> int:
    return int(seconds * RATE)


def siren(rng: Rng, n: int) -> Wave:
    """A bright tone that sweeps up and down, or jumps between two pitches."""
    low, high = rng.uniform(650, 800), rng.uniform(1200, 1500)
    swing = np.sin(2 * np.pi * rng.uniform(0.4, 1.6) * seconds_of(n) + rng.uniform(0, 6))
    if rng.random() < 0.4:
        swing = np.tanh(20 * swing)
    partials = [1, 0, rng.uniform(0.4, 0.7), 0, rng.uniform(0.2, 0.4), 0, 0.15]
    return tone((low + high) / 2 + (high - low) / 2 * swing, partials, n)


def laughter(rng: Rng, n: int) -> Wave:
    """Runs of short high vowels, "ha-ha-ha", with breath between."""
    pitch, rate = rng.uniform(380, 520), rng.uniform(4.5, 6.5)
    open_vowel = [(rng.uniform(1000, 1300), 1.0), (rng.uniform(1900, 2300), 0.7), (3900, 0.4)]

    def ha() -> Wave:
        m = _samples(0.6 / rate)
        glide = pitch * rng.uniform(0.85, 1.25) * np.linspace(1.15, 0.85, m)
        return hump(m) * (tone(glide, voice(pitch, open_vowel, 300), m) + 0.25 * noise(rng, 1500, 6000, m))

    return strokes(beats(rng, rate, n, 0.08), ha, n)


def shots(rng: Rng, n: int) -> Wave:
    """Sharp cracks over the whole band, each with a short echo."""
    tau, colour = rng.uniform(0.04, 0.07), rng.uniform(700, 1200)

    def shot() -> Wave:
        m = _samples(0.25)
        crack = noise(rng, 150, 9000, m) * fade(m, tau, 0.0005)
        return crack + 0.25 * noise(rng, colour, 2 * colour, m) * fade(m, 0.06, 0.02)

    return strokes(beats(rng, rng.uniform(2.2, 4.0), n), shot, n)


def meows(rng: Rng, n: int) -> Wave:
    """Long gliding cries that open and close."""
    pitch, rate = rng.uniform(550, 750), rng.uniform(1.2, 1.8)

    def meow() -> Wave:
        m = _samples(rng.uniform(0.5, 0.8))
        glide = pitch * (0.8 + 0.45 * hump(m)) * rng.uniform(0.95, 1.05)
        closed = tone(glide, voice(pitch, [(pitch, 1.0), (2 * pitch, 0.8)], 300), m)
        wide = tone(glide, voice(pitch, [(1500, 0.9), (2600, 0.9)], 500), m)
        opening = hump(m, 2)
        return hump(m, 0.6) * (closed * (1 - opening) + wide * opening)

    return strokes(beats(rng, rate, n), meow, n)


def chainsaw(rng: Rng, n: int) -> Wave:
    """A harsh buzz whose revs rise and fall, with a rasp in the high bands."""
    revs = rng.uniform(95, 135) * (1 + 0.22 * wobble(rng, rng.uniform(0.7, 1.6), n))
    buzz = tone(revs, sawtooth(60, 0.35), n)
    rasp = noise(rng, 2500, 7500, n) * (1 + 0.8 * np.sin(2 * np.pi * np.cumsum(revs) / RATE))
    return buzz / buzz.std() + rng.uniform(0.7, 1.1) * rasp


def howls(rng: Rng, n: int) -> Wave:
    """Long pure calls that rise, hold and fall, one over another."""
    pitch = rng.uniform(380, 520)

    def howl() -> Wave:
        m = _samples(rng.uniform(1.3, 1.9))
        course = pitch * rng.uniform(0.9, 1.15) * (0.75 + 0.35 * hump(m, 0.5))
        vibrato = 1 + 0.012 * np.sin(2 * np.pi * rng.uniform(4, 6) * seconds_of(m))
        return hump(m, 0.4) * tone(course * vibrato, [1, 0.22, 0.06], m)

    return strokes(beats(rng, rng.uniform(0.9, 1.3), n, 0.2), howl, n)


def barks(rng: Rng, n: int) -> Wave:
    """Short rough bursts in the middle bands."""
    pitch = rng.uniform(210, 340)
    throat = [(rng.uniform(550, 800), 1.0), (rng.uniform(1100, 1400), 0.6)]

    def bark() -> Wave:
        m = _samples(rng.uniform(0.2, 0.3))
        glide = pitch * np.linspace(1.3, 0.8, m)
        return fade(m, 0.11, 0.01) * (
            tone(glide, voice(pitch, throat, 250), m) + 0.7 * noise(rng, 400, 1600, m)
        )

    return strokes(beats(rng, rng.uniform(2.8, 4.0), n), bark, n)


def bus(rng: Rng, n: int) -> Wave:
    """A deep diesel rumble with a slow roll, almost nothing above 500 Hz."""
    revs = rng.uniform(28, 42) * (1 + 0.15 * wobble(rng, 0.6, n))
    rumble = tone(revs, sawtooth(12, 0.4), n)
    return rumble / rumble.std() + rng.uniform(0.8, 1.2) * noise(rng, 60, 350, n) * (
        1 + 0.3 * wobble(rng, 2, n)
    )


def singing(rng: Rng, n: int) -> Wave:
    """Sustained notes with vibrato and a singer's formants."""
    base = rng.uniform(300, 420)
    vowel = [(rng.uniform(650, 850), 1.0), (rng.uniform(1100, 1300), 0.6), (2900, 0.55)]
    steps = 2 ** (np.array([0, 2, 4, 5, 7, 9, 12]) / 12)

    def note() -> Wave:
        m = _samples(rng.uniform(0.7, 1.1))
        pitch = base * rng.choice(steps)
        vibrato = 1 + 0.018 * np.sin(2 * np.pi * rng.uniform(5, 6.5) * seconds_of(m))
        return hump(m, 0.35) * tone(pitch * vibrato, voice(pitch, vowel, 220), m)

    return strokes(beats(rng, rng.uniform(1.3, 1.9), n, 0.1), note, n)


def helicopter(rng: Rng, n: int) -> Wave:
    """Dull thumps ten to fifteen times a second under a turbine's whine."""
    rate = rng.uniform(9, 14)
    thump = np.maximum(np.sin(2 * np.pi * rate * seconds_of(n)), 0) ** 3
    whine = tone(rng.uniform(2300, 2900) * (1 + 0.01 * wobble(rng, 1, n)), [1, 0.3], n)
    return 2.2 * thump * noise(rng, 80, 500, n) + rng.uniform(0.15, 0.3) * whine


def hooves(rng: Rng, n: int) -> Wave:
    """Pairs of hollow wooden knocks, clip and clop."""
    high, low = rng.uniform(1500, 1900), rng.uniform(950, 1200)
    state = {"step": 0}

    def knock() -> Wave:
        state["step"] += 1
        m = _samples(0.12)
        pitch = (high if state["step"] % 2 else low) * rng.uniform(0.96, 1.04)
        return fade(m, 0.018, 0.001) * (tone(pitch, [1, 0.3], m) + 0.3 * noise(rng, 600, 3000, m))

    return strokes(beats(rng, rng.uniform(4, 6), n, 0.08), knock, n)


def mower(rng: Rng, n: int) -> Wave:
    """An even putter of the engine and the steady hiss of the blade."""
    revs = rng.uniform(52, 68) * (1 + 0.03 * wobble(rng, 1, n))
    engine = tone(revs, [0.6, 1, 0.9, 0.8, 0.6, 0.6, 0.5, 0.4, 0.4, 0.3, 0.3, 0.2], n)
    return engine / engine.std() + rng.uniform(0.5, 0.8) * noise(rng, 900, 2600, n)


def roars(rng: Rng, n: int) -> Wave:
    """Long swelling growls, rough and low."""
    pitch = rng.uniform(75, 110)

    def roar() -> Wave:
        m = _samples(rng.uniform(0.9, 1.4))
        course = pitch * (0.75 + 0.45 * hump(m)) * (1 + 0.12 * wobble(rng, 28, m))
        throat = tone(course, voice(pitch, [(320, 1.0), (650, 0.7)], 220), m)
        return hump(m, 0.7) * (throat / throat.std() + 0.9 * noise(rng, 150, 900, m))

    return strokes(beats(rng, rng.uniform(1.0, 1.4), n, 0.1), roar, n)


def speech(rng: Rng, n: int) -> Wave:
    """Syllables on a low voice, each with a vowel of its own, some with a hiss before them."""
    pitch = rng.uniform(95, 140)
    vowels = [(700, 1150), (450, 1850), (320, 2250), (500, 900), (350, 750)]

    def syllable() -> Wave:
        m = _samples(rng.uniform(0.14, 0.24))
        first, second = vowels[rng.integers(len(vowels))]
        glide = pitch * rng.uniform(0.85, 1.2) * np.linspace(1.05, 0.92, m)
        wave = hump(m, 0.6) * tone(glide, voice(pitch, [(first, 1.0), (second, 0.5), (2600, 0.2)], 120), m)
        if rng.random() < 0.35:
            hiss = _samples(0.06)
            wave[:hiss] += 0.5 * hump(hiss) * noise(rng, 3500, 7500, hiss)
        return wave

    return strokes(beats(rng, rng.uniform(4, 5.5), n), syllable, n)


def chirps(rng: Rng, n: int) -> Wave:
    """Quick whistles that leap about between 2 and 6 kHz."""
    centre = rng.uniform(2500, 3300)

    def chirp() -> Wave:
        m = _samples(rng.uniform(0.09, 0.18))
        start, end = centre * rng.uniform(0.75, 1.4, 2)
        return hump(m) * tone(np.linspace(start, end, m), [1, 0.15], m)

    return strokes(beats(rng, rng.uniform(5, 8), n, 0.3), chirp, n)


def _plucks(rng: Rng, n: int, base: float, rate: float, tau: float, dull: float) -> Wave:
    scale = 2 ** (np.array([0, 3, 5, 7, 10, 12, 15]) / 12)

    def pluck() -> Wave:
        m = _samples(min(5 * tau, 1.2))
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
        m = _samples(0.35)
        wave = np.zeros(m)
        root = base * step[state["strum"] // 4 % len(step)]
        state["strum"] += 1
        for number, ratio in enumerate(up):
            late = _samples(0.012 * number)
            wave[late:] += (fade(m, 0.09) * tone(root * ratio, sawtooth(12, 0.9), m))[: m - late]
        return wave

    return strokes(beats(rng, rng.uniform(4.5, 6.5), n, 0.05), strum, n)


def bells(rng: Rng, n: int) -> Wave:
    """Clear high bars, each a few pure partials that ring."""
    base = rng.uniform(1500, 2000)
    scale = 2 ** (np.array([0, 2, 4, 7, 9, 12]) / 12)

    def bell() -> Wave:
        m = _samples(0.7)
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
        m = _samples(1.0)
        notes = sum(tone(base * ratio, sawtooth(8, 1.5), m) for ratio in rng.choice(scale, 3, replace=False))
        knock = _samples(0.03)
        wave = fade(m, 0.4, 0.004) * notes
        wave[:knock] += 0.4 * fade(knock, 0.008) * noise(rng, 200, 1200, knock)
        return wave

    return strokes(beats(rng, rng.uniform(2, 3), n, 0.05), chord, n)


def tabla(rng: Rng, n: int) -> Wave:
    """Fast strokes on two drums: a gliding boom and a ringing tap."""
    deep, ring = rng.uniform(75, 105), rng.uniform(280, 380)

    def stroke() -> Wave:
        m = _samples(0.3)
        if rng.random() < 0.4:
            glide = deep * (1 + 0.5 * (1 - np.exp(-seconds_of(m) / 0.08)))
            return 1.3 * fade(m, 0.12) * tone(glide, [1, 0.15], m)
        tap = fade(m, 0.05) * tone(ring * rng.choice([1, 1, 1.5]), [1, 0.7, 0.4], m)
        click = _samples(0.012)
        tap[:click] += 0.6 * fade(click, 0.003) * noise(rng, 800, 4000, click)
        return tap

    return strokes(beats(rng, rng.uniform(6, 9), n, 0.06), stroke, n)


def violin(rng: Rng, n: int) -> Wave:
    """Bowed notes that run into one another: rich harmonics to the top, vibrato."""
    base = rng.uniform(520, 700)
    scale = 2 ** (np.array([0, 2, 4, 5, 7, 9]) / 12)

    def bow() -> Wave:
        m = _samples(rng.uniform(0.5, 0.9))
        vibrato = 1 + 0.01 * np.sin(2 * np.pi * rng.uniform(5, 7) * seconds_of(m))
        wave = tone(base * rng.choice(scale) * vibrato, sawtooth(16, 0.7), m)
        return hump(m, 0.3) * (wave + 0.05 * noise(rng, 2000, 8000, m))

    return strokes(beats(rng, rng.uniform(2, 2.8), n, 0.08), bow, n)


def race_car(rng: Rng, n: int) -> Wave:
    """A screaming motor that climbs through its gears again and again."""
    gear = rng.uniform(0.7, 1.2)
    climb = (seconds_of(n) / gear + rng.uniform(0, 1)) % 1.0
    revs = rng.uniform(210, 290) * (1 + 0.9 * climb)
    motor = tone(revs, [0.5, 1, 0.5, 0.9, 0.4, 0.6, 0.3, 0.4, 0.2, 0.3, 0.2, 0.2], n)
    return motor / motor.std() + rng.uniform(0.2, 0.35) * noise(rng, 300, 5000, n)


def keys(rng: Rng, n: int) -> Wave:
    """Soft dry clicks in the top bands, now and then a lower thud."""
    rate, thud = rng.uniform(7, 11), rng.uniform(300, 450)

    def key() -> Wave:
        m = _samples(0.05)
        wave = fade(m, 0.006, 0.0005) * noise(rng, 3500, 8000, m) * rng.uniform(0.6, 1.2)
        return wave + (0.4 * fade(m, 0.012) * tone(thud, [1], m) if rng.random() < 0.25 else 0)

    return strokes(beats(rng, rate, n, 0.35), key, n)


SOUNDS: dict[str, Callable[[Rng, int], Wave]] = {
    "ambulance_siren": siren,
    "baby_laughter": laughter,
    "cap_gun_shooting": shots,
    "cat_meowing": meows,
    "chainsawing_trees": chainsaw,
    "coyote_howling": howls,
    "dog_barking": barks,
    "driving_buses": bus,
    "female_singing": singing,
    "helicopter": helicopter,
    "horse_clip-clop": hooves,
    "lawn_mowing": mower,
    "lions_roaring": roars,
    "male_speech": speech,
    "mynah_bird_singing": chirps,
    "playing_acoustic_guitar": guitar,
    "playing_glockenspiel": bells,
    "playing_piano": piano,
    "playing_tabla": tabla,
    "playing_ukulele": ukulele,
    "playing_violin": violin,
    "race_car": race_car,
    "typing_on_computer_keyboard": keys,
}


def sound(category: str, rng: Rng, seconds: float = 5.0) -> np.ndarray:
    """One individual's sound: (seconds x 44,100,) float32, peak 1."""
    wave = SOUNDS[category](rng, _samples(seconds))
    return (wave / np.abs(wave).max()).astype(np.float32)
