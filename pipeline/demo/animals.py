"""Looks of the animals. Each function draws one individual on an empty canvas."""

from __future__ import annotations

import numpy as np

from pipeline.demo.canvas import Canvas, Colour, hsv, shade

BLACK: Colour = (25, 22, 22)
PINK: Colour = (235, 130, 140)


def _legs(
    canvas: Canvas, places: tuple[float, ...], top: float, foot: float, coat: Colour, width: float
) -> None:
    for number, x in enumerate(places):
        canvas.line([(x, top), (x, foot)], shade(coat, 0.75 if number % 2 else 1), width)


def cat(canvas: Canvas, rng: np.random.Generator) -> None:
    """A sitting cat seen from the front: pointed ears, whiskers, a curled tail."""
    coat = hsv(
        rng.uniform(0.05, 0.1), *[(0.75, 0.95), (0.1, 0.6), (0.05, 0.35), (0.15, 0.95)][rng.integers(4)]
    )
    canvas.curve([(0.3, 0.85), (0.95, 0.85), (0.72, rng.uniform(0, 0.3))], shade(coat, 0.85), 0.16)
    canvas.ellipse(0, 0.5, rng.uniform(0.42, 0.5), 0.45, coat)
    for side in (-1, 1):
        canvas.polygon([(side * 0.55, -0.98), (side * 0.08, -0.55), (side * 0.55, -0.35)], coat)
        canvas.polygon([(side * 0.48, -0.82), (side * 0.22, -0.56), (side * 0.48, -0.46)], PINK)
        canvas.ellipse(side * 0.17, 0.9, 0.16, 0.08, shade(coat, 1.15))
    canvas.ellipse(0, -0.3, rng.uniform(0.52, 0.58), 0.42, coat)
    for stripe in (-0.12, 0, 0.12):
        canvas.line([(stripe, -0.68), (stripe * 0.8, -0.52)], shade(coat, 0.55), 0.06)
    eye = hsv(rng.choice([0.15, 0.3, 0.55]), 0.8, 0.9)
    for side in (-1, 1):
        canvas.ellipse(side * 0.23, -0.35, 0.12, 0.11, eye)
        canvas.ellipse(side * 0.23, -0.35, 0.04, 0.1, BLACK)
        for lift in (-0.14, -0.02):
            canvas.line([(side * 0.2, -0.12), (side * 0.72, lift - 0.05)], (245, 245, 245), 0.03)
    canvas.polygon([(-0.07, -0.2), (0.07, -0.2), (0, -0.12)], PINK)
    canvas.ellipse(0, -0.01, 0.08, 0.07, (150, 40, 50))


def coyote(canvas: Canvas, rng: np.random.Generator) -> None:
    """A sitting wild dog with its muzzle to the sky and a bushy tail."""
    coat = hsv(rng.uniform(0.07, 0.11), rng.uniform(0.15, 0.45), rng.uniform(0.5, 0.75))
    pale = shade(coat, 1.4)
    canvas.ellipse(-0.62, 0.72, 0.34, 0.15, shade(coat, 0.8), rng.uniform(-15, 10))
    canvas.ellipse(-0.15, 0.48, 0.36, 0.46, coat, 15)
    canvas.polygon([(-0.38, 0.2), (0.02, -0.55), (0.4, -0.3), (0.3, 0.92), (0.06, 0.92), (-0.05, 0.5)], coat)
    canvas.polygon([(0.2, -0.3), (0.38, -0.25), (0.28, 0.5), (0.12, 0.3)], pale)
    lift = rng.uniform(-0.04, 0.04)
    canvas.polygon([(-0.02, -0.5), (-0.35, -0.62 + lift), (-0.02, -0.72)], shade(coat, 0.65))
    canvas.circle(0.15, -0.5, 0.25, coat)
    canvas.polygon([(0.05, -0.72), (0.52 + lift, -0.98), (0.6 + lift, -0.88), (0.35, -0.4)], coat)
    canvas.polygon([(0.3, -0.45), (0.62, -0.72), (0.64, -0.64), (0.36, -0.34)], pale)
    canvas.circle(0.56 + lift, -0.94, 0.065, BLACK)
    canvas.line([(0.15, -0.6), (0.26, -0.62)], BLACK, 0.06)
    canvas.ellipse(-0.2, 0.86, 0.24, 0.09, shade(coat, 0.85))


def dog(canvas: Canvas, rng: np.random.Generator) -> None:
    """A standing dog seen from the side: hanging ear, raised tail, open mouth, collar."""
    coat = hsv(
        rng.uniform(0.06, 0.11), *[(0.7, 0.6), (0.65, 0.85), (0.12, 0.95), (0.6, 0.35)][rng.integers(4)]
    )
    canvas.curve([(-0.62, -0.05), (-0.95, -0.15), (-0.88, rng.uniform(-0.65, -0.45))], coat, 0.13)
    _legs(canvas, (-0.55, -0.35, 0.12, 0.32), 0.3, 0.85, coat, 0.17)
    canvas.ellipse(-0.12, 0.12, 0.62, rng.uniform(0.27, 0.33), coat)
    if rng.random() < 0.6:
        canvas.ellipse(rng.uniform(-0.4, 0.0), 0.06, 0.22, 0.16, shade(coat, 0.5 if coat[0] > 120 else 1.8))
    canvas.polygon([(0.15, 0.15), (0.25, -0.45), (0.62, -0.3), (0.5, 0.2)], coat)
    canvas.line([(0.26, -0.02), (0.56, 0.06)], hsv(rng.uniform(0, 1), 0.9, 0.9), 0.11)
    canvas.circle(0.48, -0.42, 0.28, coat)
    canvas.polygon([(0.6, -0.55), (0.97, -0.42), (0.97, -0.26), (0.6, -0.26)], coat)
    canvas.polygon([(0.6, -0.26), (0.92, -0.12), (0.86, -0.04), (0.56, -0.14)], shade(coat, 0.85))
    canvas.polygon([(0.64, -0.24), (0.9, -0.22), (0.86, -0.12), (0.64, -0.18)], PINK)
    canvas.circle(0.95, -0.4, 0.07, BLACK)
    canvas.circle(0.58, -0.5, 0.055, BLACK)
    canvas.ellipse(0.3, -0.32, 0.13, rng.uniform(0.26, 0.32), shade(coat, 0.6), 10)


def horse(canvas: Canvas, rng: np.random.Generator) -> None:
    """A walking horse seen from the side: long legs, long neck, mane and tail."""
    coat = hsv(
        rng.uniform(0.03, 0.09), *[(0.7, 0.45), (0.75, 0.65), (0.1, 0.85), (0.5, 0.25)][rng.integers(4)]
    )
    hair = shade(coat, 0.45) if rng.random() < 0.7 else (240, 225, 190)
    canvas.curve([(-0.66, -0.12), (-0.95, 0.0), (-0.88, rng.uniform(0.4, 0.6))], hair, 0.16)
    swing = rng.uniform(0.02, 0.14)
    for hip, foot, tone in ((-0.48, swing, 0.7), (0.22, -swing, 0.7), (-0.56, -swing, 1), (0.3, swing, 1)):
        canvas.line([(hip, 0.1), (hip + foot / 2, 0.5), (hip + foot, 0.9)], shade(coat, tone), 0.13)
        canvas.line([(hip + foot - 0.02, 0.93), (hip + foot + 0.06, 0.93)], BLACK, 0.1)
    canvas.ellipse(-0.14, 0.02, 0.58, rng.uniform(0.25, 0.3), coat)
    canvas.polygon([(0.05, -0.1), (0.4, -0.85), (0.66, -0.72), (0.42, 0.15)], coat)
    canvas.polygon([(0.42, -0.88), (0.6, -0.82), (0.98, -0.45), (0.9, -0.32), (0.52, -0.5)], coat)
    canvas.polygon([(0.44, -0.85), (0.5, -0.99), (0.58, -0.83)], coat)
    canvas.line([(0.42, -0.86), (0.22, -0.5), (0.05, -0.15)], hair, 0.14)
    canvas.circle(0.62, -0.66, 0.045, BLACK)
    if rng.random() < 0.5:
        canvas.ellipse(-0.15, -0.2, 0.2, 0.1, hsv(rng.uniform(0, 1), 0.8, 0.7))


def lion(canvas: Canvas, rng: np.random.Generator) -> None:
    """A lion's head with a ragged mane and an open mouth."""
    mane = hsv(rng.uniform(0.04, 0.08), rng.uniform(0.7, 0.95), rng.uniform(0.35, 0.6))
    face = hsv(rng.uniform(0.09, 0.12), rng.uniform(0.5, 0.75), rng.uniform(0.8, 0.98))
    points = int(rng.integers(11, 17))
    turns = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False) + rng.uniform(0, 1)
    radii = np.where(np.arange(2 * points) % 2, 0.78, rng.uniform(0.92, 0.98))
    canvas.polygon(
        list(zip((radii * np.cos(turns)).tolist(), (radii * np.sin(turns)).tolist(), strict=True)), mane
    )
    canvas.circle(0, 0, 0.66, shade(mane, 1.3))
    for side in (-1, 1):
        canvas.circle(side * 0.45, -0.48, 0.16, face)
    canvas.ellipse(0, 0.02, 0.48, 0.56, face)
    for side in (-1, 1):
        canvas.circle(side * 0.2, -0.18, 0.08, BLACK)
    canvas.ellipse(0, 0.36, 0.24, rng.uniform(0.18, 0.24), (120, 25, 30))
    for side in (-1, 1):
        canvas.ellipse(side * 0.14, 0.16, 0.18, 0.12, shade(face, 1.15))
        canvas.polygon([(side * 0.06, 0.25), (side * 0.16, 0.25), (side * 0.11, 0.38)], (255, 255, 245))
    canvas.polygon([(-0.13, -0.02), (0.13, -0.02), (0, 0.13)], (110, 50, 45))


def mynah(canvas: Canvas, rng: np.random.Generator) -> None:
    """A black bird with a yellow beak, eye patch and legs, and a white flash on the wing."""
    plumage = hsv(rng.uniform(0.55, 0.8), rng.uniform(0.2, 0.6), rng.uniform(0.12, 0.3))
    yellow = hsv(rng.uniform(0.11, 0.15), 0.95, 1)
    for x in (-0.08, 0.14):
        canvas.line([(x, 0.5), (x + 0.02, 0.92)], yellow, 0.08)
        canvas.line([(x - 0.08, 0.93), (x + 0.18, 0.93)], yellow, 0.07)
    tail = rng.uniform(0.55, 0.75)
    canvas.polygon(
        [(-0.35, 0.1), (-0.98, tail - 0.08), (-0.9, tail + 0.12), (-0.1, 0.5)], shade(plumage, 0.7)
    )
    canvas.ellipse(0.0, 0.2, 0.56, rng.uniform(0.34, 0.4), plumage, -25)
    canvas.circle(0.42, -0.38, 0.32, plumage)
    canvas.polygon([(0.12, -0.3), (0.7, -0.25), (0.52, 0.2), (0.1, 0.1)], plumage)
    canvas.polygon([(0.66, -0.5), (0.99, -0.4 + rng.uniform(-0.05, 0.05)), (0.68, -0.26)], yellow)
    canvas.ellipse(0.48, -0.38, 0.17, 0.1, yellow, 20)
    canvas.circle(0.5, -0.44, 0.06, (255, 255, 255))
    canvas.circle(0.51, -0.44, 0.035, BLACK)
    canvas.ellipse(-0.14, 0.2, 0.36, 0.18, shade(plumage, 1.9), -30)
    canvas.ellipse(-0.24, 0.32, 0.16, 0.07, (245, 245, 245), -30)
