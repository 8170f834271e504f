"""Looks of the musical instruments. Each function draws one individual on an empty canvas."""

from __future__ import annotations

import numpy as np

from pipeline.demo.canvas import Canvas, Colour, hsv, shade

BLACK: Colour = (30, 26, 26)
STRING: Colour = (235, 230, 215)


def _strings(canvas: Canvas, count: int, top: float, bottom: float, spread: float) -> None:
    for x in np.linspace(-spread, spread, count).tolist():
        canvas.line([(x, top), (x, bottom)], STRING, 0.02)


def guitar(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wooden figure of eight with a round hole and a long dark neck."""
    wood = hsv(rng.uniform(0.06, 0.1), rng.uniform(0.6, 0.85), rng.uniform(0.6, 0.9))
    neck = shade(wood, 0.4)
    canvas.rect(-0.08, -0.85, 0.08, 0.2, neck)
    canvas.polygon([(-0.14, -0.99), (0.14, -0.99), (0.1, -0.72), (-0.1, -0.72)], shade(wood, 0.6))
    waist = rng.uniform(0.26, 0.3)
    for rim, tone in ((0.0, 0.5), (0.045, 1.0)):
        canvas.ellipse(0, 0.6, 0.48 - rim, 0.38 - rim, shade(wood, tone))
        canvas.ellipse(0, 0.12, 0.36 - rim, 0.3 - rim, shade(wood, tone))
        canvas.rect(-waist + rim, 0.2, waist - rim, 0.5, shade(wood, tone))
    canvas.circle(0, 0.24, 0.17, shade(wood, 0.6))
    canvas.circle(0, 0.24, 0.13, BLACK)
    canvas.rect(-0.2, 0.66, 0.2, 0.74, shade(wood, 0.35))
    canvas.rect(-0.08, -0.72, 0.08, 0.12, neck)
    _strings(canvas, 3, -0.9, 0.68, 0.05)


def ukulele(canvas: Canvas, rng: np.random.Generator) -> None:
    """A small round body in a bright colour with a pale rim and a short neck."""
    paint = hsv(
        rng.choice([0.9, 0.33, 0.5, 0.6, 0.78]) + rng.uniform(-0.03, 0.03), 0.75, rng.uniform(0.85, 1)
    )
    pale: Colour = (250, 245, 225)
    canvas.polygon([(-0.2, -0.98), (0.2, -0.98), (0.15, -0.62), (-0.15, -0.62)], paint)
    for side in (-1, 1):
        for y in (-0.9, -0.74):
            canvas.circle(side * 0.24, y, 0.07, pale)
    canvas.rect(-0.12, -0.66, 0.12, 0.1, (105, 70, 45))
    size = rng.uniform(0.0, 0.06)
    for rim, colour in ((0.0, pale), (0.07, paint)):
        canvas.ellipse(0, 0.52, 0.6 + size - rim, 0.45 - rim, colour)
        canvas.ellipse(0, 0.04, 0.46 + size - rim, 0.34 - rim, colour)
    canvas.circle(0, 0.24, 0.17, BLACK)
    canvas.rect(-0.22, 0.62, 0.22, 0.72, (105, 70, 45))
    canvas.rect(-0.12, -0.62, 0.12, 0.02, (105, 70, 45))
    _strings(canvas, 2, -0.8, 0.64, 0.05)


def violin(canvas: Canvas, rng: np.random.Generator) -> None:
    """A slim red-brown body with a deep waist, a scroll, and a bow laid across."""
    wood = hsv(rng.uniform(0.02, 0.06), rng.uniform(0.8, 0.95), rng.uniform(0.45, 0.75))
    canvas.rect(-0.06, -0.9, 0.06, 0.1, BLACK)
    canvas.circle(0, -0.9, 0.1, wood)
    canvas.ellipse(0, 0.58, 0.4, 0.32, wood)
    canvas.ellipse(0, 0.0, 0.33, 0.28, wood)
    canvas.polygon([(-0.3, 0.1), (0.3, 0.1), (0.2, 0.28), (0.34, 0.5), (-0.34, 0.5), (-0.2, 0.28)], wood)
    for side in (-1, 1):
        canvas.curve([(side * 0.17, 0.18), (side * 0.07, 0.32), (side * 0.2, 0.46)], BLACK, 0.05)
    canvas.polygon([(-0.06, -0.8), (0.06, -0.8), (0.09, 0.24), (-0.09, 0.24)], BLACK)
    canvas.rect(-0.14, 0.4, 0.14, 0.45, STRING)
    canvas.polygon([(-0.07, 0.56), (0.07, 0.56), (0.05, 0.86), (-0.05, 0.86)], BLACK)
    slant = rng.uniform(0.15, 0.5)
    canvas.line([(-0.95, 0.3 + slant / 2), (0.95, 0.24 - slant)], (95, 60, 35), 0.07)
    canvas.line([(-0.92, 0.4 + slant / 2), (0.95, 0.33 - slant)], (245, 240, 230), 0.05)


def piano(canvas: Canvas, rng: np.random.Generator) -> None:
    """An upright piano: a dark box on legs with a white row of keys across."""
    case = hsv(
        rng.uniform(0.0, 0.08), *[(0.3, 0.15), (0.75, 0.4), (0.8, 0.28), (0.04, 0.85)][rng.integers(4)]
    )
    top = rng.uniform(-0.85, -0.68)
    for x in (-0.78, 0.78):
        canvas.rect(x - 0.09, 0.3, x + 0.09, 0.92, shade(case, 0.8))
    canvas.rect(-0.88, top, 0.88, 0.72, case)
    canvas.rect(-0.94, top - 0.06, 0.94, top + 0.06, shade(case, 1.5))
    canvas.rect(-0.6, top + 0.16, 0.6, -0.16, shade(case, 1.5))
    canvas.rect(-0.3, top + 0.2, 0.3, -0.12, (250, 248, 238))
    canvas.rect(-0.97, -0.04, 0.97, 0.42, shade(case, 0.7))
    canvas.rect(-0.9, 0.0, 0.9, 0.36, (252, 250, 244))
    keys = int(rng.integers(9, 13))
    for number, x in enumerate(np.linspace(-0.9, 0.9, keys + 1)[1:-1].tolist()):
        canvas.line([(x, 0.0), (x, 0.36)], (140, 140, 140), 0.01)
        if number % 7 not in (2, 6):
            canvas.rect(x - 0.045, 0.0, x + 0.045, 0.22, BLACK)
    canvas.rect(-0.12, 0.72, 0.12, 0.84, (205, 165, 60))


def glockenspiel(canvas: Canvas, rng: np.random.Generator) -> None:
    """A fan of coloured bars that grow shorter, on two rails, with a mallet."""
    bars = int(rng.integers(7, 10))
    places = np.linspace(-0.84, 0.84, bars)
    long, short = rng.uniform(0.7, 0.8), rng.uniform(0.34, 0.44)
    for side in (-1, 1):
        canvas.line([(-0.97, side * long * 0.6), (0.97, side * short * 0.6)], (110, 80, 50), 0.1)
    start = rng.uniform(0, 0.15)
    for number, x in enumerate(places.tolist()):
        part = number / (bars - 1)
        half, width = long + (short - long) * part, 0.75 / bars
        colour = hsv(start + 0.83 * part, rng.uniform(0.75, 0.95), 1)
        canvas.rect(x - width, -half, x + width, half, colour)
        for side in (-1, 1):
            canvas.circle(x, side * (half - 0.1), 0.035, (90, 90, 90))
    tilt = rng.uniform(-0.2, 0.2)
    canvas.line([(0.95, 0.9), (0.1 + tilt, 0.1)], (225, 200, 150), 0.07)
    canvas.circle(0.1 + tilt, 0.1, 0.12, (60, 60, 70))


def tabla(canvas: Canvas, rng: np.random.Generator) -> None:
    """A pair of drums, one small and dark, one wide and bright, each with a black spot on a pale skin."""
    wood = hsv(rng.uniform(0.03, 0.08), 0.8, rng.uniform(0.35, 0.6))
    metal = hsv(rng.choice([0.11, 0.6, 0.0]), *[(0.1, 0.8), (0.65, 0.75)][rng.integers(2)])
    skin: Colour = (240, 225, 195)
    tall = rng.uniform(-0.2, -0.1)
    canvas.ellipse(0.41, 0.38, 0.58, 0.46, metal)
    canvas.polygon([(-0.82, tall), (-0.22, tall), (-0.12, 0.8), (-0.94, 0.8)], wood)
    canvas.ellipse(-0.53, 0.8, 0.41, 0.12, wood)
    for number in range(4):
        x = -0.74 + 0.15 * number
        canvas.line([(x, tall + 0.1), (x + (x + 0.52) * 0.35, 0.75)], (225, 195, 140), 0.04)
        canvas.line([(x + 0.9, 0.2), (x + 0.9 + (x + 0.52) * 0.3, 0.66)], (225, 195, 140), 0.04)
    for x, y, radius in ((-0.52, tall, 0.34), (0.42, tall + 0.16, 0.53)):
        canvas.ellipse(x, y, radius, radius * 0.58, (150, 95, 55))
        canvas.ellipse(x, y, radius * 0.86, radius * 0.48, skin)
        canvas.ellipse(x + 0.03, y, radius * 0.4, radius * 0.22, BLACK)
