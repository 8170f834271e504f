"""Sounds of the categories: a function for each makes one individual's.

Each category has its own frequency range and rhythm; pitch, tempo and timbre vary within it. Every second
contains some of the sound, because every frame has a mask.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.demo.sounds import animals, instruments, machines, people
from pipeline.demo.synth import Rng, Wave, samples_of

SOUNDS: dict[str, Callable[[Rng, int], Wave]] = {
    "ambulance_siren": machines.siren,
    "baby_laughter": people.laughter,
    "cap_gun_shooting": machines.shots,
    "cat_meowing": animals.meows,
    "chainsawing_trees": machines.chainsaw,
    "coyote_howling": animals.howls,
    "dog_barking": animals.barks,
    "driving_buses": machines.bus,
    "female_singing": people.singing,
    "helicopter": machines.helicopter,
    "horse_clip-clop": animals.hooves,
    "lawn_mowing": machines.mower,
    "lions_roaring": animals.roars,
    "male_speech": people.speech,
    "mynah_bird_singing": animals.chirps,
    "playing_acoustic_guitar": instruments.guitar,
    "playing_glockenspiel": instruments.bells,
    "playing_piano": instruments.piano,
    "playing_tabla": instruments.tabla,
    "playing_ukulele": instruments.ukulele,
    "playing_violin": instruments.violin,
    "race_car": machines.race_car,
    "typing_on_computer_keyboard": people.keys,
}


def sound(category: str, rng: Rng, seconds: float = 5.0) -> np.ndarray:
    """One individual's sound: (seconds x 44,100,) float32, peak 1."""
    wave = SOUNDS[category](rng, samples_of(seconds))
    return (wave / np.abs(wave).max()).astype(np.float32)
