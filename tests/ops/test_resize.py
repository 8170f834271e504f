"""Bilinear resizing by matrix products against torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from pipeline.ops.resize import double, interpolation_matrix, resize, resize_by_products

SIDES = st.integers(1, 9)


@given(SIDES, SIDES, SIDES, SIDES, st.booleans())
def test_products_are_torchs_interpolation(h: int, w: int, tall: int, wide: int, align_corners: bool) -> None:
    """Larger and smaller, values and gradients."""
    torch.manual_seed(0)
    maps = torch.randn(2, 3, h, w, dtype=torch.float64, requires_grad=True)
    pull = torch.randn(2, 3, tall, wide, dtype=torch.float64)
    options = {"mode": "bilinear", "align_corners": align_corners}
    expected = functional.interpolate(maps, size=(tall, wide), **options)  # type: ignore[arg-type]
    found = resize_by_products(maps, (tall, wide), align_corners)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    gradients = [torch.autograd.grad((made * pull).sum(), maps)[0] for made in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=0)


def test_by_hand() -> None:
    maps = torch.tensor([[[[0.0, 4.0]]]])
    for align_corners, expected in ((True, [0, 4 / 3, 8 / 3, 4]), (False, [0, 1, 3, 4])):
        for change in (resize, resize_by_products):
            found = change(maps, (1, 4), align_corners)
            torch.testing.assert_close(found.flatten(), torch.tensor(expected, dtype=torch.float32))


def test_what_evaluation_made_first_serves_training() -> None:
    with torch.inference_mode():
        resize_by_products(torch.ones(1, 1, 5, 7), (10, 14), True)
    maps = torch.ones(1, 1, 5, 7, requires_grad=True)
    resize_by_products(maps, (10, 14), True).sum().backward()
    assert maps.grad is not None
    torch.testing.assert_close(maps.grad.sum(), torch.tensor(140.0))


def test_a_gpu_is_given_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one: torch's fake tensors know shapes, layouts and devices alone."""
    monkeypatch.setattr(functional, "interpolate", None)  # not to be called
    interpolation_matrix.cache_clear()
    with FakeTensorMode():
        found = double(torch.empty(2, 3, 5, 7, device="cuda"), align_corners=True)
    interpolation_matrix.cache_clear()  # of the fake ones
    assert found.shape == (2, 3, 10, 14) and found.device.type == "cuda"
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("align_corners", [True, False])
def test_gradients_are_the_same_again(device: str, align_corners: bool) -> None:
    torch.manual_seed(0)
    maps = torch.randn(8, 64, 24, 24, device=device, requires_grad=True)
    pull = torch.randn(8, 64, 48, 48, device=device)
    made = [resize_by_products(maps, (48, 48), align_corners) for _ in range(5)]
    first, *rest = (torch.autograd.grad((each * pull).sum(), maps)[0] for each in made)
    assert all(torch.equal(first, other) for other in rest)
    on_cpu = double(maps.cpu(), align_corners)
    torch.testing.assert_close(made[0].cpu(), on_cpu, atol=1e-5, rtol=1e-5)
