from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from pipeline.model import CropHeads, Segmenter, build_backbone
from pipeline.model.aspp import ASPP, MAPS_ON_GPU
from pipeline.model.decoder import Decoder, Fusion, ResidualUnit
from pipeline.model.fourier import dilated_sum


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "pvt_v2_b5"])
def test_backbone_declares_what_it_gives(name: str, pvt: Segmenter) -> None:
    backbone = pvt.encoder.eval() if name == "pvt_v2_b5" else build_backbone(name).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]


def test_unknown_backbone_is_named() -> None:
    with pytest.raises(ValueError, match="vgg"):
        build_backbone("vgg")


def test_pvt_drops_paths_as_published(pvt: Segmenter) -> None:
    """0 to 0.1 in equal steps over all 52 blocks."""
    rates = [
        getattr(block.drop_path1, "drop_prob", 0.0) for stage in pvt.encoder.stages for block in stage.blocks
    ]
    torch.testing.assert_close(torch.tensor(rates), torch.linspace(0, 0.1, 52))


def test_imagenet_weights_of_the_pvt_authors(pvt: Segmenter) -> None:
    """Their names differ from timm's; a key too few is an error that names it."""
    backbone = copy.deepcopy(pvt.encoder)
    state = {key: torch.full_like(value, 0.5) for key, value in backbone.state_dict().items()}
    theirs = {"head.weight": torch.zeros(1000, 512), "head.bias": torch.zeros(1000)}
    for key, value in state.items():
        part = key.split(".")
        if part[0] == "patch_embed":
            part[0] = "patch_embed1"
        elif part[2] == "downsample":
            part[:3] = [f"patch_embed{int(part[1]) + 1}"]
        elif part[2] == "blocks":
            part[:3] = [f"block{int(part[1]) + 1}"]
        else:
            part[:3] = [f"norm{int(part[1]) + 1}"]
        theirs[".".join(part).replace("dwconv", "dwconv.dwconv")] = value
    backbone.load_imagenet(theirs)
    assert all((value == 0.5).all() for value in backbone.state_dict().values())
    del theirs["block3.7.attn.q.weight"]
    with pytest.raises(RuntimeError, match=r"stages\.2\.blocks\.7\.attn\.q\.weight"):
        backbone.load_imagenet(theirs)


def test_reduction_by_hand() -> None:
    """One at the centre of 40 x 40: each 3x3 kernel of ones spreads it to 9 places, its dilation apart."""
    reduction = ASPP(1, 1)
    for branch in reduction.branches:
        torch.nn.init.ones_(branch.weight)
        torch.nn.init.constant_(branch.bias, 0.25)
    x = torch.zeros(1, 1, 40, 40)
    x[0, 0, 20, 20] = 1
    out = reduction(x)[0, 0] - 1
    expected = torch.zeros(40, 40)
    for dilation in (3, 6, 12, 18):
        for dy in (-dilation, 0, dilation):
            for dx in (-dilation, 0, dilation):
                expected[20 + dy, 20 + dx] += 1
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 7), (14, 20)])
def test_reduction_on_maps_smaller_than_its_dilations(size: tuple[int, int]) -> None:
    """Whatever way it is computed, it is the sum of four padded convolutions, in value and in gradient."""
    torch.manual_seed(0)
    reduction = ASPP(5, 4).double()
    x = torch.randn(2, 5, *size, dtype=torch.double, requires_grad=True)
    direct = sum(
        torch.nn.functional.conv2d(x, branch.weight, branch.bias, padding=d, dilation=d)
        for branch, d in zip(reduction.branches, (3, 6, 12, 18), strict=True)
    )
    assert isinstance(direct, torch.Tensor)
    torch.testing.assert_close(reduction(x), direct)
    inputs = [x, *reduction.parameters()]
    cotangent = torch.randn_like(direct)
    for ours, theirs in zip(
        torch.autograd.grad(reduction(x), inputs, cotangent),
        torch.autograd.grad(direct, inputs, cotangent),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("size", "waves"), [((19, 25), True), ((19, 18), False), ((18, 19), False)])
def test_reduction_is_summed_by_waves_where_every_tap_meets_the_map(
    size: tuple[int, int], waves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and gradients are those of float64, which never is."""
    torch.manual_seed(0)
    reduction = ASPP(5, 4)
    exact = copy.deepcopy(reduction).double()
    called = []

    def look(*given: Any) -> torch.Tensor:
        called.append(given)
        return dilated_sum(*given)

    monkeypatch.setattr("pipeline.model.aspp.dilated_sum", look)
    x = torch.randn(2, 5, *size)
    for module, maps in ((reduction, x), (exact, x.double())):
        module(maps).square().sum().backward()
        assert len(called) == waves
    torch.testing.assert_close(reduction(x).double(), exact(x.double()))
    for ours, theirs in zip(reduction.parameters(), exact.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad.float(), atol=1e-5, rtol=1e-4)


def test_reduction_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU is given it: values, and the gradients of what all parts share."""
    torch.manual_seed(0)
    reduction = ASPP(5, 4).double()
    x = torch.randn(5, 5, 8, 8, dtype=torch.double, requires_grad=True)
    inputs = [x, *reduction.parameters()]
    whole = reduction(x)
    cotangent = torch.randn_like(whole)
    expected = torch.autograd.grad(whole, inputs, cotangent)
    monkeypatch.setattr("pipeline.model.aspp._at_once", lambda x: 2)
    parts = reduction(x)
    torch.testing.assert_close(parts, whole)
    for ours, theirs in zip(torch.autograd.grad(parts, inputs, cotangent), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_reduction_gives_a_gpu_no_more_maps_than_it_is_quick_with(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_reduction_of_many_maps_is_that_in_float64(device: str) -> None:
    torch.manual_seed(0)
    reduction = ASPP(8, 4)
    x = torch.randn(MAPS_ON_GPU * 2 + 1, 8, 28, 28)
    expected = copy.deepcopy(reduction).double()(x.double()).float()
    found = reduction.to(device)(x.to(device)).cpu()
    torch.testing.assert_close(found, expected, atol=1e-2, rtol=1e-2)  # a GPU may use TF32


def test_reduction_starts_small() -> None:
    torch.manual_seed(0)
    for branch in ASPP(64, 32).branches:
        assert branch.weight.std().item() == pytest.approx(0.01, rel=0.02)


def test_residual_unit_adds_the_rectified_input() -> None:
    unit = ResidualUnit(1)
    for conv in (unit.conv1, unit.conv2):
        torch.nn.init.dirac_(conv.weight)
        torch.nn.init.zeros_(conv.bias)
    x = torch.tensor([[[[-2.0, 3.0]]]], requires_grad=True)
    out = unit(x)
    assert out.flatten().tolist() == [0, 6]  # ReLU(x) + ReLU(x); with the plain skip it would be -2, 6
    assert x.flatten().tolist() == [-2, 3]  # not changed in place
    out.sum().backward()
    assert x.grad is not None and x.grad.flatten().tolist() == [0, 2]


def test_fusion_doubles_what_comes_from_above_with_aligned_corners() -> None:
    fusion = Fusion(1, lateral=True)
    for parameter in fusion.parameters():
        torch.nn.init.zeros_(parameter)
    above, skip = torch.tensor([[[[0.0, 3.0]]]]), torch.full((1, 1, 2, 4), 10.0)
    out = fusion(above, skip)  # both units give ReLU(x) alone
    torch.testing.assert_close(out[0, 0], torch.tensor([[10.0, 11.0, 12.0, 13.0]]).expand(2, 4))


def test_decoder_shape() -> None:
    decoder = Decoder(16)
    maps = [torch.randn(2, 16, 64 // s, 96 // s) for s in (4, 8, 16, 32)]
    assert decoder(maps).shape == (2, 64, 96)
    published = [conv.out_channels for conv in Decoder(256).head if isinstance(conv, torch.nn.Conv2d)]
    assert published == [128, 32, 1]


def test_the_decoders_head_doubles_by_half_pixels_at_last() -> None:
    """As published: corners are aligned where a fusion's map is doubled, so before the head's first layer."""
    head = Decoder(16).head
    for layer in head:
        if isinstance(layer, torch.nn.Conv2d):  # hands on its first channel alone
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1
    maps = torch.zeros(1, 16, 1, 2)
    maps[0, 0, 0, 1] = 4
    expected = torch.tensor([0.0, 1, 3, 5, 7, 9, 11, 12]) / 3
    torch.testing.assert_close(head(maps)[0, 0], expected.expand(4, 8))


def test_heads() -> None:
    heads = CropHeads(8, categories=3, audio_dim=4, width=5)
    crops, audio = torch.randn(2, 5, 8), torch.randn(2, 5, 4)
    logits, crop, sound = heads(crops, audio)
    assert (logits.shape, crop.shape, sound.shape) == ((2, 5, 3), (2, 5, 5), (2, 5))
    torch.testing.assert_close(sound, heads.project_audio(audio).mean(1))  # the mean of the five sounds


@pytest.mark.parametrize("width", [16, 128])  # at 128 nothing of the head is drawn before it is convolved
def test_decoder_written_out(width: int) -> None:
    """Each level's own map, refined, added to what comes from above; values, gradients, inputs left alone."""
    torch.manual_seed(0)
    decoder = Decoder(width)
    exact = copy.deepcopy(decoder).double()

    def conv(layer: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)

    def unit(layers: Any, x: torch.Tensor) -> torch.Tensor:
        r = x.clamp(min=0)
        return r + conv(layers.conv2, conv(layers.conv1, r).clamp(min=0))

    def double(x: torch.Tensor, align_corners: bool) -> torch.Tensor:
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=align_corners)

    def written_out(maps: list[torch.Tensor]) -> torch.Tensor:
        x = double(unit(exact.fusions[3].refine, maps[3]), True)
        for level in (2, 1, 0):
            fusion = exact.fusions[level]
            x = double(unit(fusion.refine, x + unit(fusion.lateral, maps[level])), True)
        first, second, _, last = exact.head
        x = conv(second, double(conv(first, x), False))
        return conv(last, x.clamp(min=0))[:, 0]

    maps = [torch.randn(2, width, side, side).requires_grad_() for side in (16, 8, 4, 2)]
    before = [m.detach().clone() for m in maps]
    doubles = [m.detach().double().requires_grad_() for m in maps]
    found, expected = decoder(maps), written_out(doubles)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    pull = torch.randn_like(found)
    ours = torch.autograd.grad(found, [*maps, *decoder.parameters()], pull)
    theirs = torch.autograd.grad(expected, [*doubles, *exact.parameters()], pull.double())
    for mine, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.double(), right, atol=1e-4 * (float(right.abs().max()) + 1), rtol=0)
    assert all(torch.equal(now.detach(), then) for now, then in zip(maps, before, strict=True))
