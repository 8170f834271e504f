"""Canvas for sprites: the same calls draw colour and silhouette."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

Colour = tuple[int, int, int]
Point = tuple[float, float]

SIDE = 192  # pixels; sprites are shrunk afterwards, which smooths their edges
_SHIFT = 4  # cv2 takes sub-pixel coordinates as integers times 2**shift


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB 0..255 of a colour given in turns (hue) and fractions."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def shade(colour: Colour, factor: float) -> Colour:
    """A colour, darkened (factor < 1) or lightened (> 1)."""
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue


class Canvas:
    """An RGBA image; coordinates run from -1 to 1, x to the right and y down, and all shapes are opaque."""

    def __init__(self) -> None:
        self.rgba = np.zeros((SIDE, SIDE, 4), np.uint8)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Draw a filled polygon."""
        cv2.fillPoly(self.rgba, [_fixed(points)], (*colour, 255), shift=_SHIFT)

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Draw a filled rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, angle: float = 0) -> None:
        """Draw a filled ellipse with half-axes rx and ry, turned clockwise by `angle` degrees."""
        centre, axes = _fixed([(x, y)])[0].tolist(), _lengths(rx, ry)
        cv2.ellipse(self.rgba, centre, axes, angle, 0, 360, (*colour, 255), -1, shift=_SHIFT)

    def circle(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Draw a filled circle."""
        self.ellipse(x, y, radius, radius, colour)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a line with round joints; `width` is in the canvas's units."""
        pixels = max(1, round(width * SIDE / 2))
        cv2.polylines(self.rgba, [_fixed(points)], False, (*colour, 255), pixels, shift=_SHIFT)

    def curve(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a quadratic Bezier curve from start to end; the middle point is its control point."""
        start, control, end = (np.array(point) for point in points)
        steps = np.linspace(0, 1, 16)[:, None]
        path = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * control + steps**2 * end
        self.line([(x, y) for x, y in path.tolist()], colour, width)


def _fixed(points: Sequence[Point]) -> np.ndarray:
    pixels = (np.asarray(points, float) + 1) / 2 * (SIDE - 1)
    return np.round(pixels * 2**_SHIFT).astype(np.int32)


def _lengths(*lengths: float) -> tuple[int, ...]:
    return tuple(max(1, round(length * (SIDE - 1) / 2 * 2**_SHIFT)) for length in lengths)
