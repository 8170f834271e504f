from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses.bce import bce


def test_labelled_frames_only() -> None:
    logits = torch.tensor([[0.0, 100.0], [math.log(3), -100.0]]).view(2, 2, 1, 1)
    masks = torch.tensor([[1, 0], [0, 1]]).view(2, 2, 1, 1)
    labelled = torch.tensor([[True, False], [True, False]])
    # p = 1/2 against 1: log 2; p = 3/4 against 0: log 4
    assert bce(logits, masks, labelled).item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_equals_the_published_form() -> None:
    logits, masks = torch.randn(3, 5, 8, 8), (torch.rand(3, 5, 8, 8) > 0.5).float()
    first = torch.zeros(3, 5, dtype=torch.bool)
    first[:, 0] = True
    expected = torch.nn.BCELoss()(logits[:, 0].sigmoid(), masks[:, 0])
    torch.testing.assert_close(bce(logits, masks, first), expected)
    torch.testing.assert_close(
        bce(logits, masks, torch.ones_like(first)), torch.nn.BCELoss()(logits.sigmoid(), masks)
    )


def test_unlabelled_frames_get_no_gradient() -> None:
    logits = torch.zeros(1, 2, 2, 2, requires_grad=True)
    bce(logits, torch.ones(1, 2, 2, 2), torch.tensor([[True, False]])).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].flatten().tolist() == [-0.125] * 4 and not logits.grad[0, 1].any()


def test_nothing_labelled() -> None:
    assert (
        bce(torch.randn(1, 2, 2, 2), torch.ones(1, 2, 2, 2), torch.zeros(1, 2, dtype=torch.bool)).item() == 0
    )
