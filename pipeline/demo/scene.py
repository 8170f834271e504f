"""Scene of a demo clip: moving objects over a textured background, and the visible pixels of each.

Size, place, motion and depth of every object come from the same distributions, whether it sounds or not, so
that nothing in the picture reveals which one sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.demo.canvas import hsv
from pipeline.demo.looks import Sprite, draw

_MARGIN = 1.15  # size of the background relative to the picture, for panning
_TRIES = 300
_TIMES = np.linspace(0, 5, 11)  # seconds, at which overlaps are measured
_ALLOWED_OVERLAP = 0.12  # of the mean bounding box


@dataclass(frozen=True)
class Motion:
    """Smooth motion: centre x, y (pixels), relative size, angle (degrees); each a slow sine."""

    mean: np.ndarray  # (4,)
    swing: np.ndarray  # (4,)
    rate: np.ndarray  # (4,) Hz
    phase: np.ndarray  # (4,)

    def at(self, time: float | np.ndarray) -> np.ndarray:
        """(..., 4) values of x, y, size, angle at `time` in seconds."""
        turns = np.asarray(time)[..., None] * self.rate
        return self.mean + self.swing * np.sin(2 * np.pi * turns + self.phase)


@dataclass(frozen=True)
class Actor:
    """A moving object; `sprite` is (h, w, 4) uint8 at its mean size, with premultiplied alpha."""

    category: str
    sprite: np.ndarray
    motion: Motion

    def placed(self, time: float, width: int, height: int) -> tuple[tuple[slice, slice], np.ndarray]:
        """The window (rows, columns) of the picture with the object, and its content (h, w, 4) uint8."""
        x, y, size, angle = self.motion.at(time).tolist()
        rows, columns = self.sprite.shape[:2]
        turn = np.array(cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), angle, size), float)
        reach = np.abs(turn[:, :2]) @ (columns / 2, rows / 2) + 1
        left, top = max(0, int(x - reach[0])), max(0, int(y - reach[1]))
        right, bottom = min(width, int(x + reach[0]) + 2), min(height, int(y + reach[1]) + 2)
        turn[:, 2] += np.array([x - (columns - 1) / 2 - left, y - (rows - 1) / 2 - top])
        layer = cv2.warpAffine(self.sprite, turn, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        return (slice(top, bottom), slice(left, right)), layer


@dataclass(frozen=True)
class Scene:
    """Everything a clip shows; `depth` is the drawing order of the actors, from back to front."""

    width: int
    height: int
    background: np.ndarray
    pan: Motion
    actors: tuple[Actor, ...]
    depth: tuple[int, ...]

    def picture(self, time: float) -> np.ndarray:
        """The frame at `time` in seconds: (height, width, 3) uint8 RGB."""
        x, y = self.pan.at(time)[:2].tolist()
        centre = (x + (self.width - 1) / 2, y + (self.height - 1) / 2)
        frame = cv2.getRectSubPix(self.background, (self.width, self.height), centre)
        for number in self.depth:
            window, layer = self.actors[number].placed(time, self.width, self.height)
            through = cv2.cvtColor(255 - cv2.extractChannel(layer, 3), cv2.COLOR_GRAY2RGB)
            under = cv2.multiply(frame[window], through, scale=1 / 255)
            frame[window] = cv2.add(cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB), under)
        return frame

    def silhouettes(self, time: float) -> np.ndarray:
        """Visible pixels of each actor at `time`: (actors, height, width) bool; no two share a pixel."""
        seen = np.zeros((len(self.actors), self.height, self.width), bool)
        for number in self.depth:
            window, layer = self.actors[number].placed(time, self.width, self.height)
            shape = layer[..., 3] > 127
            seen[(slice(None), *window)] &= ~shape
            seen[(number, *window)] = shape
        return seen


def compose(categories: Sequence[str], width: int, height: int, rng: np.random.Generator) -> Scene:
    """Draw one individual of each category, and motions under which they hide one another little."""
    share = (0.055, 0.115) if len(categories) < 3 else (0.045, 0.085)
    sprites = [
        _sized(draw(category, rng), rng.uniform(*share), width, height, rng) for category in categories
    ]
    motions = _apart([sprite.shape[:2] for sprite in sprites], width, height, rng)
    actors = tuple(Actor(c, s, m) for c, s, m in zip(categories, sprites, motions, strict=True))
    rows, columns = round(height * _MARGIN), round(width * _MARGIN)
    room = np.array([columns - width, rows - height, 0, 0]) / 2
    pan = Motion(room, room * rng.uniform(0.3, 0.95), rng.uniform(0.03, 0.1, 4), rng.uniform(0, 2 * np.pi, 4))
    depth = tuple(int(number) for number in rng.permutation(len(actors)))
    return Scene(width, height, _background(rows, columns, rng), pan, actors, depth)


def _sized(sprite: Sprite, share: float, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A sprite scaled to cover `share` of the picture, within bounds; mirrored half of the time."""
    rows, columns = sprite.alpha.shape
    scale = min((share * width * height / sprite.cover) ** 0.5, 0.52 * width / columns, 0.62 * height / rows)
    alpha = sprite.alpha.astype(np.float32)
    colours = sprite.rgb * (alpha[..., None] / 255)
    layer = np.dstack([colours, alpha])
    size = (max(8, round(columns * scale)), max(8, round(rows * scale)))
    small = cv2.resize(layer, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    small = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    if rng.random() < 0.5:
        small = small[:, ::-1]
    return np.ascontiguousarray(np.clip(small, 0, 255).astype(np.uint8))


def _apart(sizes: list[tuple[int, int]], width: int, height: int, rng: np.random.Generator) -> list[Motion]:
    """Motions under which the objects overlap little: the first good draw, else the best of many."""
    best, least = [], np.inf
    for _ in range(_TRIES):
        motions = [_motion(rows, columns, width, height, rng) for rows, columns in sizes]
        overlap = _overlap(motions, sizes)
        if overlap < least:
            best, least = motions, overlap
        if overlap <= _ALLOWED_OVERLAP:
            break
    return best


def _motion(rows: int, columns: int, width: int, height: int, rng: np.random.Generator) -> Motion:
    swing = rng.uniform(0.2, 1, 4) * (0.1 * width, 0.1 * height, 0.09, 10)
    reach = np.array([columns, rows]) * 0.5
    low = np.minimum(reach + swing[:2], (width / 2, height / 2))
    place = low + rng.uniform(0, 1, 2) * ((width, height) - 2 * low)
    mean = np.array([*place, 1.0, rng.uniform(-8, 8)])
    return Motion(mean, swing, rng.uniform(0.05, 0.25, 4), rng.uniform(0, 2 * np.pi, 4))


def _overlap(motions: list[Motion], sizes: list[tuple[int, int]]) -> float:
    """The largest overlap of any two bounding boxes at any time, as a fraction of their mean box."""
    worst = 0.0
    for first in range(len(motions)):
        for second in range(first):
            gap = np.abs(motions[first].at(_TIMES) - motions[second].at(_TIMES))[:, :2]
            rows, columns = (np.array(sizes[first]) + np.array(sizes[second])) / 2
            shared = np.clip(1 - gap / (columns, rows), 0, None).prod(axis=1)
            worst = max(worst, float(shared.max()))
    return worst


def _background(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """(rows, columns, 3) uint8: two muted colours that blend, patches, blobs, lines and grain."""
    tones = [np.array(hsv(rng.uniform(), rng.uniform(0.1, 0.5), rng.uniform(0.35, 0.85))) for _ in range(5)]
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j].astype(np.float32)
    blend = np.clip(0.5 + (x - 0.5) * np.cos(turn) + (y - 0.5) * np.sin(turn), 0, 1)[..., None]
    board = (tones[0] * blend + tones[1] * (1 - blend)).astype(np.float32)
    for _ in range(int(rng.integers(3, 9))):
        tone = tuple(float(v) for v in tones[rng.integers(2, 5)] * rng.uniform(0.7, 1.2))
        centre = (int(rng.integers(columns)), int(rng.integers(rows)))
        axes = tuple(int(v) for v in rng.uniform(0.03, 0.16, 2) * rows)
        cv2.ellipse(board, centre, axes, rng.uniform(0, 180), 0, 360, tone, -1)
    for _ in range(int(rng.integers(2, 7))):
        tone = tuple(float(v) for v in tones[rng.integers(5)] * rng.uniform(0.5, 1.1))
        ends = rng.integers(0, (columns, rows), (2, 2)).tolist()
        cv2.line(board, ends[0], ends[1], tone, int(rng.integers(1, 4)))
    board = cv2.GaussianBlur(board, (0, 0), rng.uniform(0.5, 1.5))
    for cells, strength in ((int(rng.integers(4, 12)), 18), (max(rows // 3, 8), 10)):
        grain = rng.uniform(-strength, strength, (cells, cells * 4 // 3)).astype(np.float32)
        board += cv2.resize(grain, (columns, rows), interpolation=cv2.INTER_CUBIC)[..., None] * rng.uniform(
            0.3, 1
        )
    return np.clip(board, 0, 255).astype(np.uint8)
