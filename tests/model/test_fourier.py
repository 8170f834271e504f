"""Sums of dilated convolutions by Fourier transform, against torch's in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from pipeline.model import fourier
from pipeline.model.fourier import dilated_sum
from tests.helpers.rounding import assert_close_for

SIDES, WIDTHS = st.integers(1, 24), st.integers(1, 4)
DILATIONS = st.sampled_from([(3, 6, 12, 18), (1,), (2, 4), (3, 5), (4, 2, 6)])


def _inputs(n: int, c: int, o: int, h: int, w: int, filters: int) -> list[torch.Tensor]:
    """Maps, a bias, filters."""
    torch.manual_seed(0)
    return [torch.randn(n, c, h, w), torch.randn(o), *(torch.randn(o, c, 3, 3) for _ in range(filters))]


def _direct(x: torch.Tensor, bias: torch.Tensor, weights: list[torch.Tensor], dilations: tuple[int, ...]):
    pairs = zip(weights, dilations, strict=True)
    parts = [functional.conv2d(x, weight, padding=d, dilation=d) for weight, d in pairs]
    return torch.stack(parts).sum(0) + bias.view(-1, 1, 1)


@given(st.integers(1, 3), WIDTHS, WIDTHS, SIDES, SIDES, DILATIONS, st.integers(1, 20000), st.integers(1, 40))
def test_values_and_gradients_are_torchs(
    n: int, c: int, o: int, h: int, w: int, dilations: tuple[int, ...], block: int, at_once: int
) -> None:
    """Maps smaller than a filter's reach too; some maps and some frequencies at once.

    A transform rounds by what went into it, wherever sums cancel: errors are held against the sums of the
    magnitudes.
    """
    inputs = _inputs(n, c, o, h, w, len(dilations))
    pull = torch.randn(n, o, h, w)
    exact = [value.double().requires_grad_() for value in inputs]
    expected = _direct(exact[0], exact[1], exact[2:], dilations)
    gradients = torch.autograd.grad(expected, exact, pull.double())
    sizes = [value.detach().abs().requires_grad_() for value in exact]
    sums = _direct(sizes[0], sizes[1], sizes[2:], dilations)
    magnitudes = [sums, *torch.autograd.grad(sums, sizes, pull.double().abs())]
    for value in inputs:
        value.requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fourier, "BLOCK", block)
        patch.setattr(fourier, "AT_ONCE", at_once)
        found = dilated_sum(inputs[0], inputs[2:], inputs[1], dilations)
        found_gradients = torch.autograd.grad(found, inputs, pull)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert_close_for(magnitudes, [found, *found_gradients], [expected, *gradients])


def test_one_place_by_hand() -> None:
    """A single 1 in the middle shows the filter turned round, its taps three places apart, and the bias."""
    x = torch.zeros(1, 1, 7, 7)
    x[..., 3, 3] = 1
    weight = torch.arange(1.0, 10).view(1, 1, 3, 3)
    expected = torch.full((7, 7), 0.5)
    expected[::3, ::3] += torch.tensor([[9.0, 8, 7], [6, 5, 4], [3, 2, 1]])
    torch.testing.assert_close(dilated_sum(x, [weight], torch.tensor([0.5]), (3,))[0, 0], expected)


def test_error_is_that_of_float32() -> None:
    """256 channels, as published: under a millionth of the outputs' spread."""
    x, bias, *weights = _inputs(1, 256, 16, 28, 28, 4)
    dilations = (3, 6, 12, 18)
    expected = _direct(x.double(), bias.double(), [weight.double() for weight in weights], dilations)
    error = dilated_sum(x, weights, bias, dilations).double() - expected
    assert error.std() < 1e-6 * expected.std()


def test_asks_for_no_gradient_that_nobody_wants() -> None:
    """Frozen weights, or a first layer; what is asked for is what all would get."""
    x, bias, *weights = _inputs(2, 3, 4, 8, 8, 2)
    every = [value.clone().requires_grad_() for value in (x, bias, *weights)]
    dilated_sum(every[0], every[2:], every[1], (1, 2)).square().sum().backward()
    dilated_sum(x.requires_grad_(), weights, bias, (1, 2)).square().sum().backward()
    assert x.grad is not None and every[0].grad is not None
    torch.testing.assert_close(x.grad, every[0].grad)
    second = weights[1].requires_grad_()
    dilated_sum(x.detach(), weights, bias, (1, 2)).square().sum().backward()
    assert second.grad is not None and every[3].grad is not None
    torch.testing.assert_close(second.grad, every[3].grad)
    assert weights[0].grad is None and bias.grad is None


def test_keeps_what_it_is_given() -> None:
    """Neither maps nor filters nor the gradient are written to, and a second call gives the same."""
    values = _inputs(2, 3, 4, 9, 9, 2)
    before = [value.clone() for value in values]
    values[0].requires_grad_()
    out = dilated_sum(values[0], values[2:], values[1], (1, 2))
    pull = torch.randn_like(out)
    given = pull.clone()
    first = torch.autograd.grad(out, values[0], pull, retain_graph=True)[0]
    assert torch.equal(pull, given)
    assert all(torch.equal(now, then) for now, then in zip(values, before, strict=True))
    assert torch.equal(first, torch.autograd.grad(out, values[0], pull)[0])


def test_what_evaluation_made_first_serves_training() -> None:
    fourier.waves_of.cache_clear()
    x, bias, weight = _inputs(1, 3, 2, 5, 5, 1)
    with torch.inference_mode():
        dilated_sum(x, [weight], bias, (1,))
    assert not fourier.waves_of(5, 5, (1,)).down.is_inference()
    dilated_sum(x, [weight.requires_grad_()], bias, (1,)).sum().backward()
    assert weight.grad is not None
