"""Which boxed things are heard: by hand on 1 x 4 pixels, box on the first two."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses import sounding, truth_of_other, truth_of_own
from pipeline.masks import UNKNOWN

INSIDE = torch.tensor([True, True, False, False]).view(1, 1, 1, 4)
LAID = torch.tensor([False, True, True, False]).view(1, 1, 1, 4)
NONE = torch.zeros_like(LAID)
OFFSCREEN, SILENCE = torch.tensor([True]), torch.tensor([False])


def test_under_the_own_sound_the_box_is_heard_and_what_was_pasted_is_not() -> None:
    assert truth_of_own(INSIDE, NONE).flatten().tolist() == [1, 1, UNKNOWN, UNKNOWN]
    assert truth_of_own(INSIDE, LAID).flatten().tolist() == [1, 0, 0, UNKNOWN]


def test_under_another_sound_it_is_the_other_way_round() -> None:
    assert truth_of_other(INSIDE, NONE, OFFSCREEN).flatten().tolist() == [0, 0, UNKNOWN, UNKNOWN]
    assert truth_of_other(INSIDE, LAID, OFFSCREEN).flatten().tolist() == [0, 1, 1, UNKNOWN]


def test_under_silence_nothing_is_heard_anywhere() -> None:
    assert truth_of_other(INSIDE, NONE, SILENCE).flatten().tolist() == [0, 0, 0, 0]


def test_a_small_box_weighs_as_much_as_a_large_one() -> None:
    """Two frames: one pixel known with a loss of log 2; four that a logit of 3 gets right; none known."""
    logits = torch.tensor([[0.0, 9, 9, 9], [3.0, 3, 3, 3], [5.0, 5, 5, 5]]).view(3, 1, 1, 4)
    truth = torch.full_like(logits, UNKNOWN, dtype=torch.uint8)
    truth[0, ..., 0] = truth[1] = 1
    expected = (math.log(2) + math.log1p(math.exp(-3))) / 2
    assert sounding(logits, truth).item() == pytest.approx(expected)
    assert sounding(logits, torch.full_like(truth, UNKNOWN)).item() == 0
