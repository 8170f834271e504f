from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses.bce import bce
from pipeline.losses.masked_bce import masked_bce
from pipeline.ops.boxes import boxes_to_masks
from pipeline.ops.ignore_index import IGNORE_INDEX


def test_known_pixels_by_hand() -> None:
    logits = torch.zeros(2, 1, 2, 2)
    logits[:, 0, 0, 0] = 2.0
    truth = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    truth[1] = IGNORE_INDEX
    truth[1, 0, 0, 0] = 1  # of the second frame the one pixel is known
    empty, full = math.log1p(math.exp(2)), math.log1p(math.exp(-2))
    value = masked_bce(logits, truth)
    assert value.item() == pytest.approx(((empty + 3 * math.log(2)) / 4 + full / 4) / 2, rel=1e-6)


def test_nothing_known_says_nothing() -> None:
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    value = masked_bce(logits, torch.full((1, 1, 2, 2), IGNORE_INDEX))
    value.backward()
    assert value.item() == 0 and logits.grad is not None and not logits.grad.any()


def test_a_frame_of_which_nothing_is_known_is_not_counted() -> None:
    logits, truth = torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    truth[0, 1] = IGNORE_INDEX
    assert masked_bce(logits, truth) == masked_bce(logits[:, :1], truth[:, :1])


def test_a_pixel_weighs_as_in_the_mask_loss() -> None:
    make = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 4, 6, generator=make)
    truth = torch.randint(0, 2, logits.shape, generator=make)
    expected = bce(logits, truth, torch.ones(3, 5, dtype=torch.bool))
    assert masked_bce(logits, truth).item() == pytest.approx(expected.item(), rel=1e-6)


def test_fill_by_hand() -> None:
    filled = boxes_to_masks(torch.tensor([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 0.0]]), height=2, width=4)
    assert filled.tolist() == [[[0, 0, 0, 0], [0, 1, 1, 0]], [[0] * 4, [0] * 4]]
