"""Matplotlib figures as inline SVG that follows the page's text colour, and pictures as data URIs."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape
from itertools import count
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.config.variants import VARIANTS
from pipeline.evaluation.overlay import Image, read_picture

INK = "#010203"  # replaced by the page's text colour, which only the reader's browser knows
# Colour alone does not distinguish eight of them for the colour-blind: lines also have a dash, points a
# marker. There are three of each, and colours three places apart, which share one, differ for any eye.
PALETTE = ("#3b82c4", "#d9650f", "#1f9e77", "#c25b96", "#808080", "#8a66c2", "#a07c12", "#2a93bd")
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1.2))  # on and off, in line widths
MARKERS = ("o", "s", "^")
KNOWN = {variant: place for place, variant in enumerate(VARIANTS)}


def variant_colours(variants: Sequence[str]) -> dict[str, str]:
    """A colour for each variant; those of `VARIANTS` always have the same."""
    return {variant: PALETTE[place % len(PALETTE)] for variant, place in _places(variants).items()}


def variant_dashes(variants: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """A dash pattern for each variant's lines, the second cue next to `variant_colours`."""
    return {variant: DASHES[place % len(DASHES)] for variant, place in _places(variants).items()}


def _places(variants: Sequence[str]) -> dict[str, int]:
    taken = {KNOWN[variant] for variant in variants if variant in KNOWN}
    free = (place for place in count() if place not in taken)
    return {variant: KNOWN[variant] if variant in KNOWN else next(free) for variant in variants}


def new_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty, transparent figure (inches) with light axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=INK, alpha=0.35, linewidth=0.6)
    axes.tick_params(colors=INK, labelsize=8, width=0.6, length=3)
    axes.grid(color=INK, alpha=0.1, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def inline_svg(figure: Figure, label: str) -> Markup:
    """The figure as an <svg> element that scales with its column; `label` describes it in words.

    Deterministic: no date, ids from the content alone.
    """
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": label, "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # unused, and the same in every figure
    box = re.search(r'viewBox="([^"]*)"', text)
    inner = text[text.index(">") + 1 :]
    inner = inner.replace(INK, "currentColor")
    inner = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", inner)
    inner = re.sub(r"\n\s*", "\n", inner)
    head = f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-label="{escape(label)}">'
    return Markup(head + inner.strip())


def data_uri(path: Path, *, width: int = 900, quality: int = 82) -> tuple[str, int, int]:
    """A picture as a JPEG data URI, at most `width` pixels wide, with its width and height."""
    return image_uri(read_picture(path), width=width, quality=quality)


def image_uri(image: Image, *, width: int, quality: int) -> tuple[str, int, int]:
    """An RGB image (H, W, 3) uint8 as `data_uri` gives it."""
    if image.shape[1] > width:
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    _, stored = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    text = base64.b64encode(stored.tobytes()).decode("ascii")
    return f"data:image/jpeg;base64,{text}", image.shape[1], image.shape[0]
