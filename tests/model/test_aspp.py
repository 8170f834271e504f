from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from pipeline.model.aspp import ASPP, MAPS_ON_GPU


def test_aspp_by_hand() -> None:
    """One at the centre of 40 x 40: each 3x3 kernel of ones spreads it to 9 places, its dilation apart."""
    aspp = ASPP(1, 1)
    for branch in aspp.branches:
        torch.nn.init.ones_(branch.weight)
        torch.nn.init.constant_(branch.bias, 0.25)
    x = torch.zeros(1, 1, 40, 40)
    x[0, 0, 20, 20] = 1
    out = aspp(x)[0, 0] - 1
    expected = torch.zeros(40, 40)
    for dilation in (3, 6, 12, 18):
        for dy in (-dilation, 0, dilation):
            for dx in (-dilation, 0, dilation):
                expected[20 + dy, 20 + dx] += 1
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 7), (14, 20)])
def test_aspp_on_maps_smaller_than_its_dilations(size: tuple[int, int]) -> None:
    """Whatever way it is computed, it is the sum of four padded convolutions, in value and in gradient."""
    torch.manual_seed(0)
    aspp = ASPP(5, 4).double()
    x = torch.randn(2, 5, *size, dtype=torch.double, requires_grad=True)
    direct = sum(
        torch.nn.functional.conv2d(x, branch.weight, branch.bias, padding=d, dilation=d)
        for branch, d in zip(aspp.branches, (3, 6, 12, 18), strict=True)
    )
    assert isinstance(direct, torch.Tensor)
    torch.testing.assert_close(aspp(x), direct)
    inputs = [x, *aspp.parameters()]
    cotangent = torch.randn_like(direct)
    for ours, theirs in zip(
        torch.autograd.grad(aspp(x), inputs, cotangent),
        torch.autograd.grad(direct, inputs, cotangent),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_aspp_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU is given it: values, and the gradients of what all parts share."""
    torch.manual_seed(0)
    aspp = ASPP(5, 4).double()
    x = torch.randn(5, 5, 8, 8, dtype=torch.double, requires_grad=True)
    inputs = [x, *aspp.parameters()]
    whole = aspp(x)
    cotangent = torch.randn_like(whole)
    expected = torch.autograd.grad(whole, inputs, cotangent)
    monkeypatch.setattr("pipeline.model.aspp._maps_per_call", lambda x: 2)
    parts = aspp(x)
    torch.testing.assert_close(parts, whole)
    for ours, theirs in zip(torch.autograd.grad(parts, inputs, cotangent), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_aspp_gives_a_gpu_no_more_maps_than_it_is_quick_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one: torch's fake tensors know shapes and devices alone."""
    lengths = []
    conv2d = torch.nn.functional.conv2d

    def spy(x: torch.Tensor, *others: Any, **options: Any) -> torch.Tensor:
        lengths.append(len(x))
        return conv2d(x, *others, **options)

    monkeypatch.setattr(torch.nn.functional, "conv2d", spy)
    with FakeTensorMode(), torch.device("cuda"):
        found = ASPP(8, 4)(torch.empty(MAPS_ON_GPU * 2 + 1, 8, 28, 28))
    assert found.shape == (MAPS_ON_GPU * 2 + 1, 4, 28, 28)
    assert lengths == [MAPS_ON_GPU] * 8 + [1] * 4


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_aspp_of_many_maps_is_that_in_float64(device: str) -> None:
    torch.manual_seed(0)
    aspp = ASPP(8, 4)
    x = torch.randn(MAPS_ON_GPU * 2 + 1, 8, 28, 28)
    expected = copy.deepcopy(aspp).double()(x.double()).float()
    found = aspp.to(device)(x.to(device)).cpu()
    torch.testing.assert_close(found, expected, atol=1e-2, rtol=1e-2)  # a GPU may use TF32


def test_aspp_starts_small() -> None:
    torch.manual_seed(0)
    for branch in ASPP(64, 32).branches:
        assert branch.weight.std().item() == pytest.approx(0.01, rel=0.02)
