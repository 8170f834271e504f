from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses import fill, negatives


def test_silence_empties_the_frame_and_offscreen_sound_the_box() -> None:
    logits = torch.zeros(2, 1, 2, 2)
    logits[:, 0, 0, 0] = 2.0  # softplus 2.126928; elsewhere ln 2
    box = torch.zeros(2, 1, 2, 2)
    box[:, 0, 0, 0] = 1
    high, low = math.log1p(math.exp(2)), math.log(2)
    present = torch.ones(2, 1, dtype=torch.bool)
    value = negatives(logits, box, present, torch.tensor([False, True]))
    assert value.item() == pytest.approx(((high + 3 * low) / 4 + high) / 2, rel=1e-6)


def test_an_offscreen_sound_without_a_box_says_nothing() -> None:
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    absent = torch.zeros(1, 1, dtype=torch.bool)
    value = negatives(logits, torch.ones(1, 1, 2, 2), absent, torch.tensor([True]))
    value.backward()
    assert value.item() == 0 and logits.grad is not None and not logits.grad.any()


def test_fill_by_hand() -> None:
    filled = fill(torch.tensor([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 0.0]]), height=2, width=4)
    assert filled.tolist() == [[[0, 0, 0, 0], [0, 1, 1, 0]], [[0] * 4, [0] * 4]]
