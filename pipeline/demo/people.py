"""Looks of the people, and of the things that hands work. Each function draws one individual."""

from __future__ import annotations

import numpy as np

from pipeline.demo.canvas import Canvas, Colour, hsv, shade

EYE: Colour = (35, 28, 28)
MOUTH: Colour = (150, 35, 45)
STEEL: Colour = (176, 180, 188)


def _skin(rng: np.random.Generator) -> Colour:
    depth = rng.uniform(0, 1)
    return hsv(rng.uniform(0.05, 0.08), 0.3 + 0.3 * depth, 0.98 - 0.4 * depth)


def _hair(rng: np.random.Generator) -> Colour:
    return hsv(rng.uniform(0.04, 0.12), *[(0.7, 0.2), (0.75, 0.4), (0.6, 0.9), (0.9, 0.65)][rng.integers(4)])


def baby(canvas: Canvas, rng: np.random.Generator) -> None:
    """A big bald head with one curl, red cheeks and a laughing mouth over a bib."""
    skin, bib = _skin(rng), hsv(rng.uniform(0, 1), rng.uniform(0.35, 0.6), 1)
    canvas.ellipse(0, 0.75, 0.42, 0.24, bib)
    for side in (-1, 1):
        canvas.circle(side * 0.68, -0.08, 0.17, shade(skin, 0.88))
    canvas.ellipse(0, -0.1, 0.7, rng.uniform(0.64, 0.7), skin)
    canvas.curve([(-0.02, -0.72), (0.3, -0.98), (0.16, -0.6)], shade(_hair(rng), 0.9), 0.1)
    for side in (-1, 1):
        canvas.circle(side * 0.45, 0.12, 0.15, (245, 120, 120))
        canvas.curve([(side * 0.16, -0.2), (side * 0.28, -0.38), (side * 0.4, -0.2)], EYE, 0.08)
    canvas.ellipse(0, 0.22, 0.27, rng.uniform(0.16, 0.22), MOUTH)
    canvas.rect(-0.1, 0.07, 0.1, 0.14, (255, 255, 255))
    canvas.circle(0, 0.0, 0.06, shade(skin, 0.85))


def _microphone(canvas: Canvas, x: float, y: float) -> None:
    canvas.line([(x, y), (x + 0.14, y + 0.42)], (45, 45, 50), 0.1)
    canvas.circle(x, y, 0.14, STEEL)


def singer(canvas: Canvas, rng: np.random.Generator) -> None:
    """A woman with long hair in a bright dress, singing into a microphone."""
    skin, hair = _skin(rng), _hair(rng)
    dress = hsv(rng.choice([0.93, 0.83, 0.0, 0.48]) + rng.uniform(-0.04, 0.04), 0.8, rng.uniform(0.75, 1))
    length = rng.uniform(0.25, 0.5)
    canvas.ellipse(0, -0.42, 0.44, 0.5, hair)
    canvas.polygon([(-0.44, -0.4), (0.44, -0.4), (0.5, length), (-0.5, length)], hair)
    canvas.polygon([(-0.3, 0.2), (0.3, 0.2), (0.72, 0.98), (-0.72, 0.98)], dress)
    canvas.rect(-0.12, -0.05, 0.12, 0.24, shade(skin, 0.88))
    canvas.polygon([(-0.16, 0.18), (0.16, 0.18), (0, 0.42)], skin)
    canvas.ellipse(0, -0.32, 0.31, 0.38, skin)
    canvas.polygon([(-0.32, -0.38), (-0.26, -0.74), (0.24, -0.76), (0.32, -0.36), (0.05, -0.64)], hair)
    for side in (-1, 1):
        canvas.circle(side * 0.13, -0.36, 0.055, EYE)
    canvas.ellipse(0, -0.1, 0.1, rng.uniform(0.07, 0.1), (200, 25, 60))
    _microphone(canvas, 0.3, 0.08)


def speaker(canvas: Canvas, rng: np.random.Generator) -> None:
    """A man with short hair and a beard in a dark suit with a tie."""
    skin, hair = _skin(rng), _hair(rng)
    suit = hsv(rng.uniform(0.55, 0.68), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.45))
    tie = hsv(rng.uniform(0, 1), 0.9, 0.85)
    shoulder = rng.uniform(0.84, 0.96)
    canvas.polygon(
        [(-0.3, 0.2), (0.3, 0.2), (shoulder, 0.48), (shoulder, 0.98), (-shoulder, 0.98), (-shoulder, 0.48)],
        suit,
    )
    canvas.polygon([(-0.24, 0.2), (0.24, 0.2), (0, 0.85)], (245, 245, 245))
    canvas.polygon([(-0.08, 0.3), (0.08, 0.3), (0.1, 0.85), (0, 0.97), (-0.1, 0.85)], tie)
    canvas.rect(-0.15, -0.05, 0.15, 0.28, shade(skin, 0.88))
    canvas.ellipse(0, -0.34, 0.36, 0.44, skin)
    canvas.polygon(
        [
            (-0.38, -0.38),
            (-0.36, -0.7),
            (-0.1, -0.86),
            (0.26, -0.84),
            (0.38, -0.6),
            (0.36, -0.36),
            (0.28, -0.6),
            (-0.28, -0.58),
        ],
        hair,
    )
    if rng.random() < 0.65:
        canvas.polygon(
            [
                (-0.35, -0.3),
                (-0.24, -0.18),
                (0.24, -0.18),
                (0.35, -0.3),
                (0.24, 0.06),
                (0, 0.16),
                (-0.24, 0.06),
            ],
            hair,
        )
    for side in (-1, 1):
        canvas.circle(side * 0.14, -0.4, 0.055, EYE)
        canvas.line([(side * 0.07, -0.52), (side * 0.22, -0.52)], shade(hair, 0.8), 0.06)
    canvas.ellipse(0, -0.1, 0.13, rng.uniform(0.05, 0.08), MOUTH)


def cap_gun(canvas: Canvas, rng: np.random.Generator) -> None:
    """A toy pistol with a bright tip."""
    frame = hsv(rng.uniform(0.55, 0.65), rng.uniform(0, 0.25), rng.uniform(0.3, 0.75))
    grip = hsv(rng.uniform(0.02, 0.09), 0.75, rng.uniform(0.35, 0.65))
    lean = rng.uniform(0.1, 0.25)
    canvas.polygon([(-0.72, -0.1), (-0.25, -0.1), (-0.35 - lean, 0.82), (-0.92, 0.78)], grip)
    canvas.line([(-0.3, 0.0), (-0.12, 0.34), (0.14, 0.3), (0.2, 0.0)], shade(frame, 0.7), 0.08)
    canvas.line([(-0.04, 0.0), (-0.1, 0.2)], shade(frame, 0.5), 0.07)
    canvas.polygon([(-0.82, -0.45), (0.75, -0.45), (0.75, -0.12), (0.3, 0.02), (-0.78, 0.05)], frame)
    canvas.rect(-0.5, -0.36, 0.7, -0.28, shade(frame, 1.4))
    canvas.polygon([(-0.82, -0.45), (-0.95, -0.66), (-0.76, -0.62), (-0.62, -0.45)], shade(frame, 0.6))
    canvas.circle(-0.12, -0.16, 0.17, shade(frame, 0.65))
    canvas.rect(0.75, -0.47, 0.98, -0.1, hsv(rng.uniform(0.02, 0.08), 1, 1))


def chainsaw(canvas: Canvas, rng: np.random.Generator) -> None:
    """An orange or red motor with handles and a long toothed bar."""
    motor = hsv(rng.choice([0.0, 0.06, 0.08]) + rng.uniform(-0.01, 0.02), 0.95, rng.uniform(0.8, 1))
    tip = rng.uniform(0.82, 0.9)
    teeth = int(rng.integers(8, 12))
    for x in np.linspace(0.05, tip, teeth).tolist():
        canvas.polygon([(x - 0.05, 0.0), (x, -0.13), (x + 0.05, 0.0)], (60, 60, 66))
        canvas.polygon([(x - 0.05, 0.28), (x, 0.41), (x + 0.05, 0.28)], (60, 60, 66))
    canvas.rect(-0.1, -0.03, tip, 0.31, STEEL)
    canvas.circle(tip, 0.14, 0.17, STEEL)
    canvas.line([(0.0, 0.14), (tip, 0.14)], (110, 114, 122), 0.06)
    canvas.line([(-0.55, -0.3), (-0.5, -0.58), (-0.08, -0.58), (-0.02, -0.2)], (45, 45, 50), 0.12)
    canvas.line([(-0.75, -0.1), (-0.95, 0.0), (-0.92, 0.35), (-0.7, 0.42)], (45, 45, 50), 0.13)
    canvas.polygon([(-0.78, -0.3), (0.0, -0.3), (0.08, 0.1), (0.08, 0.5), (-0.78, 0.5)], motor)
    canvas.rect(-0.62, 0.2, -0.2, 0.36, shade(motor, 0.55))
    canvas.circle(-0.4, -0.06, 0.14, (235, 235, 235))


def keyboard(canvas: Canvas, rng: np.random.Generator) -> None:
    """A computer keyboard seen from above: four rows of keys, the last with a space bar."""
    value = rng.choice([0.2, 0.6, 0.85])
    case = hsv(rng.uniform(0.5, 0.7), rng.uniform(0, 0.15), value)
    keys = shade(case, 4.0) if value < 0.5 else shade(case, rng.uniform(0.3, 0.42))
    tall = rng.uniform(0.44, 0.52)
    canvas.rect(-0.98, -tall, 0.98, tall, case)
    columns = int(rng.integers(8, 11))
    half, wide = 0.17 * tall, 0.6 / columns
    for row in range(4):
        y = (row - 1.5) * 0.46 * tall
        for x in np.linspace(-0.84, 0.84, columns).tolist():
            if row < 3 or abs(x) > 0.6:
                canvas.rect(x - wide, y - half, x + wide, y + half, keys)
        if row == 3:
            canvas.rect(-0.42, y - half, 0.42, y + half, keys)
