from __future__ import annotations

import copy
from typing import Any

import torch
from torch.nn import functional

from pipeline.model.decoder import Decoder, Fusion, ResidualUnit


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


def test_fusion_adds_what_comes_from_above_and_doubles_with_aligned_corners() -> None:
    fusion = Fusion(1, lateral=True)
    for parameter in fusion.parameters():
        torch.nn.init.zeros_(parameter)
    above, m = torch.tensor([[[[0.0, 3.0]]]]), torch.full((1, 1, 1, 2), 10.0)
    out = fusion(m, above)  # both units give ReLU(x) alone
    torch.testing.assert_close(out[0, 0], torch.tensor([[10.0, 11.0, 12.0, 13.0]]).expand(2, 4))


def test_decoder_shape() -> None:
    decoder = Decoder(16)
    maps = [torch.randn(2, 16, 64 // s, 96 // s) for s in (4, 8, 16, 32)]
    assert decoder(maps).shape == (2, 64, 96)
    published = [conv.out_channels for conv in Decoder(256).head if isinstance(conv, torch.nn.Conv2d)]
    assert published == [128, 32, 1]


def test_the_decoders_head_doubles_by_half_pixels() -> None:
    """As published: corners are aligned where a fusion doubles its map, but not in the head."""
    head = Decoder(16).head
    for layer in head:
        if isinstance(layer, torch.nn.Conv2d):  # hands on its first channel alone
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1
    maps = torch.zeros(1, 16, 1, 2)
    maps[0, 0, 0, 1] = 4
    torch.testing.assert_close(head(maps)[0, 0], torch.tensor([0.0, 1, 3, 4]).expand(2, 4))


def test_decoder_written_out() -> None:
    """Each level's own map, refined, added to what comes from above; values, gradients, inputs left alone."""
    torch.manual_seed(0)
    width = 16
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
        first, _, second, _, last = exact.head
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
