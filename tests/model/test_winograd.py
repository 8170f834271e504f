"""Winograd's convolution against torch's in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from pipeline.model import winograd

SIDES, WIDTHS, TILES = st.integers(1, 30), st.integers(1, 5), st.sampled_from(sorted(winograd.POINTS))


def _layer(n: int, c: int, o: int, h: int, w: int) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(n, c, h, w), torch.randn(o, c, 3, 3), torch.randn(o), torch.randn(n, o, h, w)]


@given(st.integers(1, 3), WIDTHS, WIDTHS, SIDES, SIDES, TILES, st.integers(1, 30000))
def test_values_and_weights_gradient_are_torchs(
    n: int, c: int, o: int, h: int, w: int, m: int, block: int
) -> None:
    """Maps of any size, cut into blocks of any size: some maps at once, or some lines of tiles of one.

    Errors are held against the sums of the magnitudes, for what cancels is rounded before it does.
    """
    x, weight, bias, grad = _layer(n, c, o, h, w)
    exact = weight.double().requires_grad_()
    expected = functional.conv2d(x.double(), exact, bias.double(), padding=1)
    expected_gradient = torch.autograd.grad(expected, exact, grad.double())[0]
    sizes = weight.double().abs().requires_grad_()
    sums = functional.conv2d(x.double().abs(), sizes, bias.double().abs(), padding=1)
    scale = float(torch.autograd.grad(sums, sizes, grad.double().abs())[0].max())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "BLOCK", block)
        found = winograd.convolve(x, weight, bias, m)
        gradient = winograd.correlate(x, grad, m)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.double(), expected, atol=2e-5 * float(sums.detach().max()), rtol=0)
    torch.testing.assert_close(gradient.double(), expected_gradient, atol=2e-5 * scale, rtol=0)


def test_blocks_end_with_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven lines of tiles, three at once: 3, 3 and 1, of each of two maps."""
    grid = winograd._Grid(torch.zeros(2, 28, 8, 1), 4)
    monkeypatch.setattr(winograd, "BLOCK", 3 * 4 * 2 * 36)
    blocks = [(block.maps.start, block.maps.stop, block.first, block.end) for block in grid.blocks(1)]
    assert blocks == [(n, n + 1, first, end) for n in (0, 1) for first, end in ((0, 3), (3, 6), (6, 7))]


@pytest.mark.parametrize("m", winograd.POINTS)
def test_transforms_by_hand(m: int) -> None:
    """A tile of a line: 1, 2, 3 ... under the filter (1, 10, 100) is 321, 432, 543 ..."""
    transforms = winograd.transforms(m)
    line = torch.arange(1.0, m + 3)
    products = (transforms.filters @ torch.tensor([1.0, 10, 100])) * (transforms.inputs @ line)
    expected = torch.tensor([321.0 + 111 * i for i in range(m)])
    torch.testing.assert_close(transforms.outputs @ products, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("m", winograd.POINTS)
def test_error_is_that_of_float32(m: int) -> None:
    """256 channels, as published: a few millionths of the outputs' spread."""
    x, weight, bias, _ = _layer(1, 256, 32, 20, 20)
    expected = functional.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    error = winograd.convolve(x, weight, bias, m).double() - expected
    assert error.std() < 5e-6 * expected.std()


def test_bias_stays_as_it_is() -> None:
    """Of one map of one place the output is as large as the bias, and must not be it."""
    x, weight, bias, _ = _layer(1, 3, 2, 1, 1)
    before = bias.clone()
    winograd.convolve(x, weight, bias, 4)
    assert torch.equal(bias, before)


def test_what_evaluation_made_first_serves_training() -> None:
    winograd.transforms.cache_clear()
    x, weight, bias, grad = _layer(1, 3, 2, 5, 5)
    with torch.inference_mode():
        winograd.convolve(x, weight, bias, 4)
    assert not winograd.transforms(4).inputs.is_inference()
    winograd.correlate(x, grad, 4)
