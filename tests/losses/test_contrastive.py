from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses.contrastive import contrastive

ALL = torch.ones(2, 1, dtype=torch.bool)
APART = torch.tensor([0, 1])
AXES = torch.eye(2)


def test_by_hand() -> None:
    """Own pairs agree, others are at right angles: -log e^(1/t) / (e^(1/t) + 1)."""
    loss = contrastive(3 * AXES.unsqueeze(1), 5 * AXES, ALL, APART, temperature=0.5)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_constant_embedding_pays() -> None:
    ones = torch.ones(2, 4)
    assert contrastive(ones.unsqueeze(1), ones, ALL, APART).item() == pytest.approx(math.log(2), abs=1e-6)


def test_both_ways() -> None:
    """Both sounds lie on clip 0's crop: by row one clip is right, by column neither is told apart."""
    audio = torch.tensor([[1.0, 0], [1, 0]])
    rows = (math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 2
    columns = math.log(2)
    loss = contrastive(AXES.unsqueeze(1), audio, ALL, APART, temperature=1)
    assert loss.item() == pytest.approx((rows + columns) / 2)


def test_same_category_is_no_negative() -> None:
    ones = torch.ones(2, 4)
    assert contrastive(ones.unsqueeze(1), ones, ALL, torch.tensor([3, 3])).item() == pytest.approx(
        0, abs=1e-6
    )


def test_clips_without_crops_take_no_part() -> None:
    crops, audio = torch.randn(3, 2, 4), torch.randn(3, 4, requires_grad=True)
    present = torch.tensor([[True, True], [False, False], [True, False]])
    loss = contrastive(crops, audio, present, torch.tensor([0, 1, 2]))
    expected = contrastive(crops[[0, 2]], audio[[0, 2]], present[[0, 2]], torch.tensor([0, 2]))
    assert loss.item() == pytest.approx(expected.item())
    loss.backward()
    assert audio.grad is not None and audio.grad.isfinite().all() and not audio.grad[1].any()
    assert contrastive(crops, audio, torch.zeros_like(present), torch.tensor([0, 1, 2])).item() == 0
