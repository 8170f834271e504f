from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses.classification import classification
from pipeline.losses.similarity import similarity

PRESENT = torch.tensor([[True, True, False], [True, False, False]])


def test_classification_by_hand() -> None:
    logits = torch.zeros(2, 3, 2)
    logits[0, 0] = torch.tensor([math.log(3), 0])  # p of category 0: 3/4
    logits[:, 2] = torch.tensor([-50.0, 50])  # not present
    logits[1, 1] = torch.tensor([50.0, -50])  # not present
    expected = (math.log(4 / 3) + math.log(2) + math.log(2)) / 3
    assert classification(logits, torch.tensor([0, 1]), PRESENT).item() == pytest.approx(expected)


def test_similarity_by_hand() -> None:
    sound = torch.tensor([[1.0, 0], [0, 2]])
    crops = torch.zeros(2, 3, 2)
    crops[0, 0] = torch.tensor([3.0, 0])  # the same direction: 0
    crops[0, 1] = torch.tensor([0.0, 1])  # at right angles: 1
    crops[1, 0] = torch.tensor([0.0, -1])  # opposite: 2
    crops[1, 2] = torch.tensor([0.0, -9])  # not present
    assert similarity(crops, sound, PRESENT).item() == pytest.approx(1.0)


def test_no_crops() -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    assert classification(torch.randn(2, 3, 4), torch.tensor([0, 1]), nothing).item() == 0
    assert similarity(torch.randn(2, 3, 4), torch.randn(2, 4), nothing).item() == 0


def test_gradient_reaches_crops_and_sound() -> None:
    crops, sound = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    similarity(crops, sound, PRESENT).backward()
    assert crops.grad is not None and sound.grad is not None
    assert sound.grad.abs().sum() > 0 and not crops.grad[0, 2].any() and crops.grad[0, 0].any()
