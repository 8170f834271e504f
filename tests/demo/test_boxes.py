"""Boxes: hand-worked edges, and hands that are a few pixels off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.demo.boxes import drawn_box, tight_box


def test_tight_box_counts_pixels_from_one_and_includes_the_last():
    mask = np.zeros((10, 20), bool)
    mask[2:5, 7:9] = True  # rows 2..4, columns 7..8 from zero
    assert tight_box(mask) == (8, 3, 9, 5)


def test_tight_box_of_a_full_mask_is_the_picture():
    assert tight_box(np.ones((10, 20), bool)) == (1, 1, 20, 10)


def test_an_empty_mask_has_no_box():
    with pytest.raises(ValueError, match="empty"):
        tight_box(np.zeros((4, 4), bool))


@given(st.integers(0, 39), st.integers(0, 29), st.integers(1, 40), st.integers(1, 30), st.integers(0, 99))
def test_a_drawn_box_lies_in_the_picture_and_near_the_object(left, top, wide, tall, seed):
    mask = np.zeros((30, 40), bool)
    mask[top : top + tall, left : left + wide] = True
    box = drawn_box(mask, np.random.default_rng(seed))
    xmin, ymin, xmax, ymax = box
    assert 1 <= xmin < xmax <= 40
    assert 1 <= ymin < ymax <= 30
    assert np.abs(np.subtract(box, tight_box(mask))).max() <= 4


def test_hands_are_off_by_some_pixels_more_often_outside():
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    rng = np.random.default_rng(0)
    outside = np.array([drawn_box(mask, rng) for _ in range(300)]) - (21, 21, 40, 40)
    outside[:, :2] *= -1
    assert 0.2 < outside.mean() < 1.0
    assert 0.8 < outside.std() < 2.0
