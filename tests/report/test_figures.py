"""Colours, dashes and markers: seen on the page, and told apart by any eye."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config.variants import VARIANTS
from pipeline.report.figures import DASHES, KNOWN, MARKERS, PALETTE, variant_colours, variant_dashes

# What is left of linear RGB without one kind of cone; Machado, Oliveira & Fernandes 2009, severity 1.
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> NDArray[np.float64]:
    """#rrggbb as linear RGB."""
    stored = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    dark, light = sorted(float(TO_XYZ[1] @ linear(colour)) + 0.05 for colour in (first, second))
    return light / dark


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear RGB in CIELAB, where a distance of 2 is just seen."""
    x, y, z = np.cbrt(TO_XYZ @ np.clip(rgb, 1e-3, 1) / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("paper", ["#ffffff", "#fbfaf8", "#1c1c1f"])  # white, light and dark of style.css
def test_every_colour_is_seen_on_the_page(paper: str) -> None:
    assert min(contrast(colour, paper) for colour in PALETTE) >= 3


@pytest.mark.parametrize("eye", EYES)
def test_colours_that_share_a_dash_or_marker_differ_for_any_eye(eye: str) -> None:
    assert len(DASHES) == len(MARKERS) == 3
    for first, second in combinations(range(len(PALETTE)), 2):
        if (second - first) % 3 == 0:
            seen = [lab(EYES[eye] @ linear(PALETTE[place])) for place in (first, second)]
            assert np.linalg.norm(seen[0] - seen[1]) > 15, (PALETTE[first], PALETTE[second])


def test_every_known_variant_has_its_own_colour_in_any_company() -> None:
    assert set(KNOWN) == set(VARIANTS)
    many = variant_colours([*VARIANTS])
    assert len(set(many.values())) == len(VARIANTS)
    for variant in VARIANTS:
        assert variant_colours(["mine", variant])[variant] == many[variant]


def test_variants_that_are_not_known_have_looks_of_their_own() -> None:
    assert len(set(variant_colours(["mine", "baseline", "proposed"]).values())) == 3
    names = [*VARIANTS, *(f"mine {number}" for number in range(8))]
    colours, dashes = variant_colours(names), variant_dashes(names)
    assert len({(colours[name], dashes[name]) for name in names}) == len(names)
