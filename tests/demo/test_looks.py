"""Looks: 23 families, each recognisable, none the same twice."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.demo.dataset import ORDER
from pipeline.demo.looks import LOOKS, draw

CATEGORIES = sorted(ORDER)


def thumbnail(category: str, seed: int) -> np.ndarray:
    """A 16 x 16 picture and silhouette of an individual, on grey."""
    sprite = draw(category, np.random.default_rng((CATEGORIES.index(category), seed)))
    alpha = sprite.alpha[..., None] / 255
    picture = np.dstack([sprite.rgb * alpha + 128 * (1 - alpha), 255 * alpha])
    side = max(picture.shape[:2])
    square = np.zeros((side, side, 4))
    square[..., :3] = 128
    top, left = (side - picture.shape[0]) // 2, (side - picture.shape[1]) // 2
    square[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return cv2.resize(square, (16, 16), interpolation=cv2.INTER_AREA).ravel()


def test_every_category_has_a_look():
    assert set(LOOKS) == set(CATEGORIES)


@pytest.mark.parametrize("category", CATEGORIES)
def test_individuals_differ_and_the_seed_decides_them(category):
    first, again, other = (draw(category, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.alpha, again.alpha)
    assert first.rgb.shape != other.rgb.shape or not np.array_equal(first.rgb, other.rgb)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_silhouette_is_one_solid_object_that_fills_its_frame(category):
    sprite = draw(category, np.random.default_rng(3))
    assert set(np.unique(sprite.alpha)) <= {0, 255}
    assert sprite.alpha.any(axis=0).all()
    assert sprite.alpha.any(axis=1).all()
    _, _, stats, _ = cv2.connectedComponentsWithStats(sprite.alpha)
    assert stats[1:, cv2.CC_STAT_AREA].max() > 0.97 * sprite.cover
    assert 0.2 < sprite.cover / sprite.alpha.size <= 1


def test_families_can_be_told_apart():
    known = np.array([[thumbnail(c, seed) for seed in range(6)] for c in CATEGORIES]).mean(axis=1)
    new = np.array([[thumbnail(c, seed) for seed in range(6, 9)] for c in CATEGORIES])
    nearest = ((new[:, :, None] - known) ** 2).sum(axis=-1).argmin(axis=-1)
    right = (nearest == np.arange(len(CATEGORIES))[:, None]).mean()
    assert right > 0.85  # chance: 1 in 23
