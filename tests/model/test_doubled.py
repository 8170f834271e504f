"""A convolution of a doubled map, against torch's interpolation and convolution in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from pipeline.model import doubled
from pipeline.model.doubled import DoubledConv3x3, doubled_conv3x3
from tests.helpers.rounding import assert_close_for

SIDES = st.integers(1, 20)


def _direct(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, align_corners: bool) -> torch.Tensor:
    large = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=align_corners)
    return functional.conv2d(large, weight, bias, padding=1)


def _layer(n: int, c: int, o: int, h: int, w: int) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(n, c, h, w), torch.randn(o, c, 3, 3), torch.randn(o)]


def _never(*_: object) -> None:
    raise AssertionError("drawn")


@given(st.integers(1, 3), st.integers(1, 3), SIDES, SIDES, st.booleans(), st.integers(1, 20000))
def test_values_and_gradients_are_torchs(
    n: int, o: int, h: int, w: int, align_corners: bool, block: int
) -> None:
    """Maps of any size, one and several at once; errors are held against the sums of the magnitudes."""
    inputs = _layer(n, 2, o, h, w)
    pull = torch.randn(n, o, 2 * h, 2 * w)
    exact = [value.double().requires_grad_() for value in inputs]
    expected = _direct(*exact, align_corners)
    gradients = torch.autograd.grad(expected, exact, pull.double())
    sizes = [value.detach().abs().requires_grad_() for value in exact]
    sums = _direct(*sizes, align_corners)
    magnitudes = [sums, *torch.autograd.grad(sums, sizes, pull.double().abs())]
    for value in inputs:
        value.requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubled, "WIDE", 1)
        patch.setattr(doubled, "BLOCK", block)
        patch.setattr(doubled, "double", _never)
        found = doubled_conv3x3(*inputs, align_corners)
        found_gradients = torch.autograd.grad(found, inputs, pull)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert_close_for(magnitudes, [found, *found_gradients], [expected, *gradients])


def test_by_hand() -> None:
    """0 and 4 in a line become 0, 1, 3, 4; the taps 1, 10, 100 see 0 at both ends."""
    x, weight = torch.zeros(1, 64, 1, 2), torch.zeros(1, 64, 3, 3)
    x[0, 5, 0, 1] = 4
    weight[0, 5, 1] = torch.tensor([1.0, 10, 100])
    expected = torch.tensor([100.0, 310, 431, 43])
    found = doubled_conv3x3(x, weight, torch.tensor([0.5]), align_corners=False)
    torch.testing.assert_close(found[0, 0], (expected + 0.5).expand(2, 4))


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_gives_the_gradient_that_is_asked_for_alone(wanted: int) -> None:
    inputs = _layer(1, 64, 3, 4, 5)
    expected = torch.autograd.grad(
        _direct(*[v.requires_grad_() for v in inputs], True).square().sum(), inputs[wanted]
    )
    inputs = [value.detach() for value in inputs]
    inputs[wanted].requires_grad_()
    doubled_conv3x3(*inputs, align_corners=True).square().sum().backward()
    found = inputs[wanted].grad
    assert found is not None
    torch.testing.assert_close(found, expected[0], rtol=1e-4, atol=1e-3)
    assert [value.grad is None for value in inputs] == [i != wanted for i in range(3)]


def test_draws_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few channels, float64, lower precision, a GPU: torch's interpolation and convolution."""
    monkeypatch.setattr(doubled, "_Doubled", None)
    narrow, wide = _layer(1, 63, 2, 3, 4), _layer(1, 64, 2, 3, 4)
    torch.testing.assert_close(doubled_conv3x3(*narrow, True), _direct(*narrow, True), rtol=1e-4, atol=1e-4)
    exact = [value.double() for value in wide]
    torch.testing.assert_close(doubled_conv3x3(*exact, False), _direct(*exact, False))
    with torch.autocast("cpu", torch.bfloat16):
        assert doubled_conv3x3(*wide, True).dtype == torch.bfloat16
    with FakeTensorMode():
        on_gpu = [torch.empty(value.shape, device="cuda") for value in wide]
        assert doubled_conv3x3(*on_gpu, True).shape == (1, 2, 6, 8)


def test_what_evaluation_made_first_serves_training() -> None:
    doubled.bands.cache_clear()
    layer = DoubledConv3x3(64, 2, align_corners=True)
    x = torch.randn(1, 64, 3, 4)
    with torch.inference_mode():
        shown = layer(x)
    made = layer(x)
    made.sum().backward()
    assert torch.equal(made, shown) and not doubled.bands(3, True)[0].part.is_inference()
