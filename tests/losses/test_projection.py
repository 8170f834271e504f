from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses.projection import outside_box, projection

BOX = torch.zeros(1, 1, 4, 4)
BOX[0, 0, 1:3, 0:2] = 1
PRESENT = torch.tensor([[True]])


def logits(mask: torch.Tensor) -> torch.Tensor:
    return (mask * 2 - 1) * 100


def test_any_shape_that_spans_the_box_is_right() -> None:
    diagonal = torch.zeros(1, 1, 4, 4)
    diagonal[0, 0, 1, 0] = diagonal[0, 0, 2, 1] = 1
    for mask in (BOX, diagonal):
        assert projection(logits(mask), BOX, PRESENT).item() == pytest.approx(0, abs=1e-4)


def test_projection_by_hand() -> None:
    """All four columns against two: 1 - 2 * 2 / (4 + 2) = 1/3; the same for rows."""
    assert projection(logits(torch.ones(1, 1, 4, 4)), BOX, PRESENT).item() == pytest.approx(2 / 3, abs=1e-4)
    assert projection(logits(torch.zeros(1, 1, 4, 4)), BOX, PRESENT).item() == pytest.approx(2, abs=1e-4)


def test_outside_by_hand() -> None:
    """p = 1/2 everywhere: log 2 a pixel; inside the box nothing counts."""
    values = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = outside_box(values, BOX, PRESENT)
    assert loss.item() == pytest.approx(math.log(2))
    loss.backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad, (1 - BOX) * 0.5 / 12)


def test_frames_without_a_box_do_not_count() -> None:
    both = torch.cat([BOX, torch.zeros_like(BOX)], 1)
    present = torch.tensor([[True, False]])
    values = torch.randn(1, 2, 4, 4)
    for loss in (projection, outside_box):
        assert loss(values, both, present).item() == pytest.approx(loss(values[:, :1], BOX, PRESENT).item())
        assert loss(values, both, torch.zeros_like(present)).item() == 0
