"""Looks of the categories that drive or fly. Each function draws one individual on an empty canvas."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pipeline.demo.canvas import Canvas, Colour, hsv, shade

DARK: Colour = (38, 38, 44)
GLASS: Colour = (160, 208, 235)


def wheel(canvas: Canvas, x: float, y: float, radius: float) -> None:
    """Draw a wheel with a hub."""
    canvas.circle(x, y, radius, DARK)
    canvas.circle(x, y, radius * 0.5, (180, 180, 185))


def ambulance(canvas: Canvas, rng: np.random.Generator) -> None:
    """A white van with a stripe, a cross and a lamp."""
    body = hsv(rng.uniform(0.05, 0.2), rng.uniform(0, 0.22), rng.uniform(0.92, 1))
    stripe = hsv(rng.choice([0.0, 0.03, 0.6]), 0.9, rng.uniform(0.75, 0.95))
    top, nose = rng.uniform(-0.62, -0.5), rng.uniform(0.42, 0.52)
    canvas.rect(-0.42, top - 0.16, -0.12, top + 0.05, (60, 110, 245))
    canvas.rect(-0.12, top - 0.16, 0.18, top + 0.05, (240, 50, 50))
    canvas.rect(-0.95, top, nose, 0.42, body)
    canvas.polygon([(nose, top + 0.14), (0.72, top + 0.18), (0.92, 0), (0.97, 0.42), (nose, 0.42)], body)
    canvas.polygon([(nose + 0.06, top + 0.24), (0.68, top + 0.26), (0.83, 0), (nose + 0.06, 0)], GLASS)
    canvas.rect(-0.95, 0.1, 0.94, 0.27, stripe)
    x, y = -0.35, top + 0.32
    canvas.rect(x - 0.22, y - 0.08, x + 0.22, y + 0.08, stripe)
    canvas.rect(x - 0.08, y - 0.22, x + 0.08, y + 0.22, stripe)
    for place in (-0.55, 0.6):
        wheel(canvas, place, 0.45, rng.uniform(0.19, 0.23))


def bus(canvas: Canvas, rng: np.random.Generator) -> None:
    """A long coloured box with a row of windows."""
    body = hsv(
        rng.choice([0.0, 0.1, 0.14, 0.35, 0.6, 0.8]) + rng.uniform(-0.03, 0.03), 0.85, rng.uniform(0.7, 0.95)
    )
    top, floor = rng.uniform(-0.55, -0.4), 0.36
    canvas.rect(-0.98, top, 0.98, floor, body)
    canvas.rect(-0.98, floor - 0.17, 0.98, floor - 0.07, shade(body, rng.choice([0.5, 1.6])))
    count = int(rng.integers(4, 7))
    edges = np.linspace(-0.92, 0.62, count + 1)
    for left, right in pairwise(edges.tolist()):
        canvas.rect(left + 0.04, top + 0.12, right - 0.03, top + 0.44, GLASS)
    canvas.rect(0.68, top + 0.12, 0.9, floor - 0.02, shade(GLASS, 0.8))
    canvas.circle(0.95, floor - 0.12, 0.05, (255, 240, 150))
    for place in (-0.62, 0.5):
        wheel(canvas, place, floor + 0.02, 0.19)


def race_car(canvas: Canvas, rng: np.random.Generator) -> None:
    """A flat wedge with fat wheels, a wing at the back and a helmet."""
    body = hsv(rng.uniform(0, 1), 0.95, rng.uniform(0.8, 1))
    second = hsv(rng.uniform(0, 1), rng.uniform(0, 0.9), 1)
    wing = rng.uniform(-0.38, -0.28)
    canvas.rect(-0.88, wing, -0.8, 0.05, DARK)
    canvas.rect(-0.98, wing - 0.07, -0.62, wing + 0.03, second)
    canvas.circle(-0.12, -0.15, 0.13, second)
    canvas.polygon(
        [(-0.92, 0.0), (-0.45, -0.22), (-0.2, -0.1), (0.1, -0.1), (0.98, 0.16), (0.98, 0.28), (-0.92, 0.28)],
        body,
    )
    canvas.polygon([(-0.6, 0.08), (0.4, 0.08), (0.75, 0.2), (-0.6, 0.2)], second)
    canvas.circle(-0.05, 0.12, 0.11, (250, 250, 250))
    canvas.rect(0.7, 0.24, 1.0, 0.33, DARK)
    wheel(canvas, -0.58, 0.16, rng.uniform(0.24, 0.28))
    wheel(canvas, 0.55, 0.2, rng.uniform(0.19, 0.23))


def helicopter(canvas: Canvas, rng: np.random.Generator) -> None:
    """An egg with a long tail, a rotor and skids."""
    body = hsv(
        rng.choice([0.02, 0.12, 0.3, 0.58]) + rng.uniform(-0.03, 0.03),
        rng.uniform(0.5, 0.9),
        rng.uniform(0.5, 0.9),
    )
    boom = rng.uniform(-0.14, -0.02)
    canvas.polygon(
        [(0.0, boom - 0.12), (-0.9, boom - 0.06), (-0.9, boom + 0.04), (0.0, boom + 0.3)], shade(body, 0.8)
    )
    canvas.polygon(
        [(-0.98, boom - 0.35), (-0.82, boom - 0.3), (-0.74, boom), (-0.92, boom + 0.06)], shade(body, 0.7)
    )
    canvas.line([(-0.98, boom - 0.18), (-0.72, boom + 0.16)], DARK, 0.06)
    canvas.rect(0.24, -0.5, 0.36, -0.2, DARK)
    canvas.ellipse(0.32, 0.06, rng.uniform(0.48, 0.54), rng.uniform(0.33, 0.4), body)
    canvas.ellipse(0.55, 0.0, 0.24, 0.2, GLASS)
    span = rng.uniform(0.6, 0.66)
    canvas.polygon([(0.3 - span, -0.56), (0.3 + span, -0.5), (0.3 + span, -0.44), (0.3 - span, -0.48)], DARK)
    for x in (0.1, 0.5):
        canvas.line([(x, 0.35), (x, 0.55)], DARK, 0.06)
    canvas.line([(-0.2, 0.57), (0.78, 0.57), (0.88, 0.48)], DARK, 0.08)


def lawn_mower(canvas: Canvas, rng: np.random.Generator) -> None:
    """A deck on wheels with an engine on top and a long slanting handle."""
    deck = hsv(rng.choice([0.0, 0.33, 0.36, 0.08]) + rng.uniform(-0.02, 0.02), 0.9, rng.uniform(0.6, 0.9))
    reach = rng.uniform(-0.98, -0.85)
    canvas.line([(-0.25, 0.35), (reach + 0.12, -0.75)], (70, 70, 76), 0.09)
    canvas.line([(reach - 0.02, -0.78), (reach + 0.28, -0.74)], DARK, 0.13)
    canvas.polygon([(-0.45, 0.0), (-0.08, 0.12), (-0.08, 0.42), (-0.55, 0.42)], shade(deck, 0.55))
    canvas.polygon([(-0.15, 0.1), (0.72, 0.1), (0.95, 0.3), (0.95, 0.52), (-0.25, 0.52)], deck)
    canvas.rect(0.08, -0.2, 0.6, 0.12, (60, 60, 66))
    canvas.rect(0.2, -0.32, 0.48, -0.18, shade(deck, 1.3))
    for line in (-0.1, 0.0):
        canvas.line([(0.12, line), (0.56, line)], (150, 150, 155), 0.04)
    wheel(canvas, -0.12, 0.52, rng.uniform(0.22, 0.27))
    wheel(canvas, 0.72, 0.55, rng.uniform(0.19, 0.23))
