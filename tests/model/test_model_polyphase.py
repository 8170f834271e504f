"""A convolution of a doubled map, against torch's interpolation and convolution in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from pipeline.model import convolution, polyphase
from pipeline.model.convolution import TORCH
from pipeline.model.polyphase import doubled_conv3x3


def _direct(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    large = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return functional.conv2d(large, weight, bias, padding=1)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([TORCH, 4, 5]))
def test_values_and_gradients_are_torchs(h: int, w: int, way: str | int) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3, h, w), torch.randn(4, 3, 3, 3), torch.randn(4)]
    pull = torch.randn(2, 4, 2 * h, 2 * w)
    exact = [value.double().requires_grad_() for value in inputs]
    expected = _direct(*exact)
    gradients = torch.autograd.grad(expected, exact, pull.double())
    for value in inputs:
        value.requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        for module in (convolution, polyphase):
            patch.setattr(module, "fastest", lambda *_: way)
        found = doubled_conv3x3(*inputs)
        found_gradients = torch.autograd.grad(found, inputs, pull)
    assert found.is_contiguous(memory_format=torch.channels_last) or way == TORCH
    torch.testing.assert_close(found.double(), expected, atol=2e-4, rtol=0)
    for ours, theirs in zip(found_gradients, gradients, strict=True):
        torch.testing.assert_close(ours.double(), theirs, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "outputs", "drawn"),
    [((1, 128, 112, 112), 32, False), ((4, 32, 48, 48), 16, True)],  # published; the demo's
)
def test_draws_the_large_map_where_that_is_faster(
    shape: tuple[int, ...], outputs: int, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timed by hand on two cores with AVX2. In float64 it is drawn always, whatever is faster."""
    sizes = []
    double = polyphase.double

    def look(maps: torch.Tensor, align_corners: bool) -> torch.Tensor:
        sizes.append(tuple(maps.shape[-2:]))
        return double(maps, align_corners)

    monkeypatch.setattr(polyphase, "double", look)
    x, weight, bias = torch.randn(shape), torch.randn(outputs, shape[1], 3, 3), torch.randn(outputs)
    doubled_conv3x3(x, weight, bias)
    assert (sizes == [shape[-2:]]) == drawn and (len(sizes) == 4) != drawn
    sizes.clear()
    monkeypatch.setattr(polyphase, "fastest", lambda *_: 4)
    few = [value.double() for value in (x[:, :2], weight[:, :2], bias)]
    torch.testing.assert_close(doubled_conv3x3(*few), _direct(*few))
    assert sizes == [shape[-2:]]
