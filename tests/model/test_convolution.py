"""3x3 convolutions in each of their ways, against torch's in float64."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from pipeline.model import Segmenter, build_backbone, convolution
from pipeline.model import aspp as reduction
from pipeline.model.convolution import TAPS, TORCH, Conv3x3, conv3x3, fastest, fastest_for_weight

SIDES = st.integers(1, 13)


def _use(patch: pytest.MonkeyPatch, way: str | int, for_weight: str | int) -> None:
    """But for dilated filters, of which Winograd's form knows nothing."""

    def choose(way: str | int, otherwise: str) -> Callable[..., str | int]:
        return lambda shape, outputs, dilation: way if dilation == 1 or isinstance(way, str) else otherwise

    patch.setattr(convolution, "fastest", choose(way, TORCH))
    patch.setattr(convolution, "fastest_for_weight", choose(for_weight, TAPS))


@given(SIDES, SIDES, st.integers(1, 14), st.sampled_from([TORCH, 4, 5]), st.sampled_from([TORCH, TAPS, 4, 5]))
def test_each_way_is_torchs_convolution(
    h: int, w: int, dilation: int, way: str | int, for_weight: str | int
) -> None:
    """Values and all three gradients; dilations beyond the map too."""
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3, h, w), torch.randn(4, 3, 3, 3), torch.randn(4)]
    pull = torch.randn(2, 4, h, w)
    exact = [value.double().requires_grad_() for value in inputs]
    expected = functional.conv2d(*exact, padding=dilation, dilation=dilation)
    gradients = torch.autograd.grad(expected, exact, pull.double())
    for value in inputs:
        value.requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        _use(patch, way, for_weight)
        found = conv3x3(*inputs, dilation)
        found_gradients = torch.autograd.grad(found, inputs, pull)
    torch.testing.assert_close(found.double(), expected, atol=2e-4, rtol=0)
    for ours, theirs in zip(found_gradients, gradients, strict=True):
        torch.testing.assert_close(ours.double(), theirs, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(("way", "for_weight"), [(TORCH, TAPS), (4, TORCH)])
def test_asks_for_no_gradient_that_nobody_wants(
    way: str | int, for_weight: str | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen layer, the first layer, a layer without bias."""
    _use(monkeypatch, way, for_weight)
    x, weight = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)
    conv3x3(x, weight.requires_grad_()).sum().backward()
    assert x.grad is None and weight.grad is not None
    conv3x3(x.requires_grad_(), weight.detach()).sum().backward()
    assert x.grad is not None


def test_taps_by_hand() -> None:
    """Four in a line, a dilation of two: the outer taps meet two places each, those above and below none."""
    x = torch.tensor([[[[1.0, 2, 3, 4]]]])
    grad = torch.tensor([[[[1.0, 10, 100, 1000]]]])
    middle = [100 * 1 + 1000 * 2, 1 + 20 + 300 + 4000, 1 * 3 + 10 * 4]
    expected = torch.tensor([[[[0.0] * 3, middle, [0.0] * 3]]])
    torch.testing.assert_close(convolution.weight_by_taps(x, grad, 2), expected)


@pytest.mark.parametrize(
    ("shape", "outputs", "dilation", "way", "for_weight"),
    [
        ((5, 256, 56, 56), 256, 3, TORCH, TAPS),  # dilated: never Winograd's
        ((5, 1024, 14, 14), 256, 6, TORCH, TAPS),  # the published network's reductions of small maps
        ((5, 2048, 7, 7), 256, 3, TORCH, TAPS),
        ((1, 256, 56, 56), 256, 1, 4, 4),  # its decoder, and the decoder's last 3x3 layer
        ((1, 128, 224, 224), 32, 1, TORCH, 5),
        ((20, 512, 3, 3), 512, 1, TORCH, TAPS),  # the demo's encoder
        ((20, 128, 12, 12), 128, 1, TORCH, 4),
        ((4, 32, 96, 96), 16, 1, TORCH, TORCH),
    ],
)
def test_takes_what_was_measured_as_fastest(
    shape: tuple[int, ...], outputs: int, dilation: int, way: str | int, for_weight: str | int
) -> None:
    """Timed by hand, each way, on two cores with AVX2; where two are within a tenth the row is left out."""
    assert fastest(torch.Size(shape), outputs, dilation) == way
    assert fastest_for_weight(torch.Size(shape), outputs, dilation) == for_weight


def test_taps_that_meet_nothing_have_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the memory held before."""
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda self, *size: self.new_full(size, torch.nan))
    found = convolution.weight_by_taps(torch.ones(1, 2, 3, 3), torch.ones(1, 4, 3, 3), 3)
    expected = torch.zeros(4, 2, 3, 3)
    expected[:, :, 1, 1] = 9
    assert torch.equal(found, expected)


def test_is_torchs_own_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU, in lower precision, in float64: torch's answer to the bit, or torch's alone."""
    _use(monkeypatch, 4, 4)
    x, weight, bias = torch.randn(1, 3, 8, 8), torch.randn(2, 3, 3, 3), torch.randn(2)
    for dtype in (torch.float64, torch.bfloat16):
        same = [value.to(dtype) for value in (x, weight, bias)]
        assert torch.equal(conv3x3(*same), functional.conv2d(*same, padding=1))
    with torch.autocast("cpu", torch.bfloat16):
        found = conv3x3(x, weight, bias)
        assert found.dtype == torch.bfloat16
        assert torch.equal(found, functional.conv2d(x, weight, bias, padding=1))
    assert not torch.equal(conv3x3(x, weight, bias), functional.conv2d(x, weight, bias, padding=1))

    def fail(*_: object) -> None:
        raise AssertionError("asked for on a GPU")

    monkeypatch.setattr(convolution, "fastest", fail)
    with FakeTensorMode():
        on_gpu = [torch.empty(value.shape, device="cuda") for value in (x, weight, bias)]
        assert conv3x3(*on_gpu).shape == (1, 2, 8, 8)


def test_layer_is_torchs_with_its_weights() -> None:
    ours, theirs = Conv3x3(3, 4), torch.nn.Conv2d(3, 4, 3, padding=1)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 6, 7)
    torch.testing.assert_close(ours(x), theirs(x))
    assert Conv3x3(3, 4, bias=False).bias is None


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_encoder_starts_from_torchvisions_weights(name: str) -> None:
    """A seed gives what it gives there, and after it: 3x3 layers of stride 1 are swapped for ours."""
    torch.manual_seed(0)
    ours = build_backbone(name)
    after_ours = torch.rand(1)
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(weights=None).state_dict()
    after_theirs = torch.rand(1)
    state = ours.state_dict()
    assert list(state) == [key for key in theirs if not key.startswith("fc.")]
    assert all(torch.equal(value, theirs[key]) for key, value in state.items())
    assert torch.equal(after_ours, after_theirs)
    assert not any(value.is_meta for value in ours.parameters())
    convolutions = [layer for layer in ours.modules() if isinstance(layer, torch.nn.Conv2d)]
    ours_of_them = [layer for layer in convolutions if isinstance(layer, Conv3x3)]
    assert len(ours_of_them) == 13
    assert not any(
        layer.kernel_size == (3, 3) and layer.stride == (1, 1)
        for layer in convolutions
        if not isinstance(layer, Conv3x3)
    )


def test_network_is_the_same_in_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits and gradients of a whole network against float64: within a few times torch's own rounding.

    Of the gradients the middle one: behind a ReLU that rounding turns over, one may differ by more.
    """
    torch.manual_seed(0)
    net = Segmenter("resnet18", channels=16, tpavi_bn_gamma=1.0).eval()
    exact = copy.deepcopy(net).double()
    frames, audio = torch.randn(1, 2, 3, 96, 96), torch.randn(1, 2, 128)

    def run(net: Segmenter, dtype: torch.dtype) -> list[torch.Tensor]:
        net.zero_grad()
        logits = net(frames.to(dtype), audio.to(dtype)).logits
        logits.square().mean().backward()
        return [logits.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)]

    expected = run(exact, torch.float64)
    errors = {}
    for ways in ((TORCH, TORCH), (5, 4), (4, TAPS)):
        with monkeypatch.context() as patch:
            _use(patch, *ways)
            if ways == (TORCH, TORCH):  # the reductions' sums too
                patch.setattr(reduction, "plain_float32", lambda *_: False)
            found = run(net, torch.float32)
        each = [float((f - e).norm() / e.norm()) for f, e in zip(found, expected, strict=True)]
        errors[ways] = (each[0], statistics.median(each[1:]))
    logits, gradients = errors.pop((TORCH, TORCH))
    assert 0 < logits < 2e-6 and 0 < gradients < 2e-6
    for of_logits, of_gradients in errors.values():
        assert of_logits < 8 * logits and of_gradients < 12 * gradients


def test_compiled_is_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch.compile sees is torch's own convolution alone; nothing is weighed up."""
    monkeypatch.setattr(convolution, "fastest", None)
    seen: list[str] = []

    def look(graph: torch.fx.GraphModule, _: object) -> object:
        seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    torch.compile(conv3x3, backend=look)(torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3))
    assert len([name for name in seen if "conv" in name]) == 1
    assert not any("autograd" in name for name in seen)
