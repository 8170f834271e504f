"""Which boxed things are heard: by hand on 1 x 4 pixels, box on the first two."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses.gate import gate_bce, negative_gate_targets, own_gate_targets
from pipeline.ops.ignore_index import IGNORE_INDEX

INSIDE = torch.tensor([True, True, False, False]).view(1, 1, 1, 4)
LAID = torch.tensor([False, True, True, False]).view(1, 1, 1, 4)
NONE = torch.zeros_like(LAID)
OFFSCREEN, SILENCE = torch.tensor([True]), torch.tensor([False])


def test_under_the_own_sound_the_box_is_heard_and_what_was_pasted_is_not() -> None:
    assert own_gate_targets(INSIDE, NONE).flatten().tolist() == [1, 1, IGNORE_INDEX, IGNORE_INDEX]
    assert own_gate_targets(INSIDE, LAID).flatten().tolist() == [1, 0, 0, IGNORE_INDEX]


def test_under_another_sound_it_is_the_other_way_round() -> None:
    assert negative_gate_targets(INSIDE, NONE, OFFSCREEN).flatten().tolist() == [
        0,
        0,
        IGNORE_INDEX,
        IGNORE_INDEX,
    ]
    assert negative_gate_targets(INSIDE, LAID, OFFSCREEN).flatten().tolist() == [0, 1, 1, IGNORE_INDEX]


def test_under_silence_nothing_is_heard_anywhere() -> None:
    assert negative_gate_targets(INSIDE, NONE, SILENCE).flatten().tolist() == [0, 0, 0, 0]


def test_a_small_box_weighs_as_much_as_a_large_one() -> None:
    """Two frames: one pixel known with a loss of log 2; four that a logit of 3 gets right; none known."""
    logits = torch.tensor([[0.0, 9, 9, 9], [3.0, 3, 3, 3], [5.0, 5, 5, 5]]).view(3, 1, 1, 4)
    truth = torch.full_like(logits, IGNORE_INDEX, dtype=torch.uint8)
    truth[0, ..., 0] = truth[1] = 1
    expected = (math.log(2) + math.log1p(math.exp(-3))) / 2
    assert gate_bce(logits, truth).item() == pytest.approx(expected)
    assert gate_bce(logits, torch.full_like(truth, IGNORE_INDEX)).item() == 0
