"""Looks of the categories: the sprite (image and silhouette) of one individual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.demo import animals, instruments, people, vehicles
from pipeline.demo.canvas import SIDE, Canvas

LOOKS: dict[str, Callable[[Canvas, np.random.Generator], None]] = {
    "ambulance_siren": vehicles.ambulance,
    "baby_laughter": people.baby,
    "cap_gun_shooting": people.cap_gun,
    "cat_meowing": animals.cat,
    "chainsawing_trees": people.chainsaw,
    "coyote_howling": animals.coyote,
    "dog_barking": animals.dog,
    "driving_buses": vehicles.bus,
    "female_singing": people.singer,
    "helicopter": vehicles.helicopter,
    "horse_clip-clop": animals.horse,
    "lawn_mowing": vehicles.lawn_mower,
    "lions_roaring": animals.lion,
    "male_speech": people.speaker,
    "mynah_bird_singing": animals.mynah,
    "playing_acoustic_guitar": instruments.guitar,
    "playing_glockenspiel": instruments.glockenspiel,
    "playing_piano": instruments.piano,
    "playing_tabla": instruments.tabla,
    "playing_ukulele": instruments.ukulele,
    "playing_violin": instruments.violin,
    "race_car": vehicles.race_car,
    "typing_on_computer_keyboard": people.keyboard,
}


@dataclass(frozen=True)
class Sprite:
    """One individual, cut out: `rgb` (h, w, 3) uint8, and `alpha` (h, w) uint8, 255 on the object."""

    rgb: np.ndarray
    alpha: np.ndarray

    @property
    def cover(self) -> float:
        """Number of pixels of the object."""
        return float(np.count_nonzero(self.alpha))


def draw(category: str, rng: np.random.Generator) -> Sprite:
    """Draw one individual of a category, with its own shape, colours, texture and light."""
    canvas = Canvas()
    LOOKS[category](canvas, rng)
    alpha = np.ascontiguousarray(canvas.rgba[..., 3])
    rgb = canvas.rgba[..., :3].astype(np.float32)
    rgb *= _light(rng)[..., None]
    rgb *= rng.uniform(0.92, 1.08, 3).astype(np.float32)  # the colour of the light
    inside = cv2.erode(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    rgb[inside < alpha] *= 0.45  # a dark outline keeps the form readable on any background
    box = cv2.boundingRect(alpha)
    rows, columns = slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2])
    colours = np.clip(rgb[rows, columns], 0, 255).astype(np.uint8)
    return Sprite(colours, np.ascontiguousarray(alpha[rows, columns]))


def _light(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE) float32 about 1: light from one side, and grain, stripes or patches."""
    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0.05, 0.2) * (np.cos(turn) * across[None, :] + np.sin(turn) * across[:, None])
    cells = int(rng.choice([6, 12, 48]))
    shape = (cells, cells) if rng.random() < 0.7 else (1, cells)
    grain = cv2.resize(
        rng.uniform(-1, 1, shape).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR
    )
    return (light * (1 + rng.uniform(0.03, 0.12) * grain)).astype(np.float32)
