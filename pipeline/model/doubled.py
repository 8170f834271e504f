"""A 3x3 convolution of a map drawn at twice its size, without drawing it (float32, on a CPU).

Interpolation mixes places, a tap of a filter mixes channels: either may come first. Each of the nine taps is
a matrix product on the small map, a quarter of what it is on the large one, and then

    Y[i, j] = bias + sum over taps (a, b), places (y, x) of  D[i + a, y] D[j + b, x] (w_ab X)[y, x]

with the interpolation's matrix D, whose rows beyond the map are zeros as the convolution pads it. Along each
axis that is one product with a narrow band of a matrix, for the three taps together.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.model.convolution import Conv3x3, conv3x3, plain_float32
from pipeline.ops.resize import double, interpolation_matrix

WIDE = 64  # channels from which this is faster with its gradients, on two cores with AVX2
BLOCK = 16 * 2**20  # bytes of the taps' maps at once, at least one map's
BAND = 16  # rows of a band's block


def doubled_conv3x3(x: Tensor, weight: Tensor, bias: Tensor, align_corners: bool) -> Tensor:
    """(n, c, h, w), (o, c, 3, 3), (o,) -> (n, o, 2 h, 2 w): `conv3x3` of `double(x, align_corners)`."""
    if not plain_float32(x, weight, bias) or x.shape[1] < WIDE:
        return conv3x3(double(x, align_corners), weight, bias)
    return _Doubled.apply(x, weight, bias, align_corners)


class DoubledConv3x3(Conv3x3):
    """`doubled_conv3x3` as a layer; its weights are those of a 3x3 `nn.Conv2d`."""

    def __init__(self, in_channels: int, out_channels: int, align_corners: bool) -> None:
        super().__init__(in_channels, out_channels)
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        return doubled_conv3x3(x, self.weight, self.bias, self.align_corners)


class _Doubled(torch.autograd.Function):
    """`doubled_conv3x3`; keeps the small map and the weight alone for the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, align_corners: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.align_corners = align_corners
        (n, _, h, w), o = x.shape, len(weight)
        rows, columns = bands(h, align_corners), bands(w, align_corners)
        filters = _filters(weight)
        out = torch.empty(n, o, 2 * h, 2 * w, memory_format=torch.channels_last)
        for block in _blocks(x, o):
            maps = x[block].permute(0, 2, 3, 1).reshape(-1, x.shape[1])
            taps = maps.new_empty(len(maps) // w, 3, w, 3 * o)
            for a in range(3):
                taps[:, a] = (maps @ filters[a]).view(-1, w, 3 * o)
            taps = taps.view(-1, 3 * h, w * 3 * o)
            lines = taps.new_empty(len(taps), 2 * h, w * 3 * o)
            for band in rows:
                torch.bmm(band.of(taps), taps[:, band.sources], out=lines[:, band.targets])
            lines = lines.view(-1, 3 * w, o)
            places = out[block].permute(0, 2, 3, 1).view(-1, 2 * w, o)
            for band in columns:
                drawn = torch.bmm(band.of(lines), lines[:, band.sources])
                torch.add(drawn, bias, out=places[:, band.targets])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        (_, c, h, w), o = x.shape, len(weight)
        rows, columns = (bands_back(length, ctx.align_corners) for length in (h, w))
        filters = _filters(weight)
        of_filters = torch.zeros_like(filters) if needs_weight else None
        of_x = torch.empty(x.shape, memory_format=torch.channels_last) if needs_x else None
        for block in _blocks(x, o):
            places = grad[block].permute(0, 2, 3, 1).reshape(-1, 2 * w, o)
            lines = places.new_empty(len(places), 3 * w, o)
            for band in columns:
                lines[:, band.targets] = torch.bmm(band.of(places), places[:, band.sources])
            lines = lines.view(-1, 2 * h, w * 3 * o)
            taps = lines.new_empty(len(lines), 3 * h, w * 3 * o)
            for band in rows:
                taps[:, band.targets] = torch.bmm(band.of(lines), lines[:, band.sources])
            maps = x[block].permute(0, 2, 3, 1).reshape(-1, c)
            of_maps = None if of_x is None else of_x[block].permute(0, 2, 3, 1).view(-1, c)
            for a in range(3):
                pulls = taps.view(-1, 3, w, 3 * o)[:, a].reshape(-1, 3 * o)
                if of_filters is not None:
                    of_filters[a].addmm_(maps.T, pulls)
                if of_maps is not None:
                    torch.addmm(of_maps, pulls, filters[a].T, beta=min(a, 1), out=of_maps)
        of_weight = None if of_filters is None else of_filters.view(3, c, 3, o).permute(3, 1, 0, 2)
        return of_x, of_weight, grad.sum((0, 2, 3)) if needs_bias else None, None


def _filters(weight: Tensor) -> Tensor:
    """(o, c, 3, 3) -> (3, c, 3 o): for each row of taps a matrix, the row's three side by side."""
    return weight.permute(2, 1, 3, 0).flatten(2).contiguous()


def _blocks(x: Tensor, outputs: int) -> Iterator[slice]:
    """Maps, so many at once that their taps take about `BLOCK` bytes."""
    many = max(1, BLOCK // (4 * 9 * outputs * x[0, 0].numel()))
    return (slice(first, first + many) for first in range(0, len(x), many))


class Band(NamedTuple):
    """Some rows of a matrix, and the columns where they are not zero."""

    targets: slice
    sources: slice
    part: Tensor

    def of(self, maps: Tensor) -> Tensor:
        """The part, once for each of some maps."""
        return self.part.expand(len(maps), -1, -1)


@functools.cache
def bands(length: int, align_corners: bool) -> list[Band]:
    """From three taps at each of `length` places, (length, 3), to twice as many places."""
    return list(_cut(_matrix(length, align_corners)))


@functools.cache
def bands_back(length: int, align_corners: bool) -> list[Band]:
    """The transposed of `bands`, for gradients."""
    return list(_cut(_matrix(length, align_corners).T))


def _matrix(length: int, align_corners: bool) -> Tensor:
    """(2 length, 3 length): what each place of the drawn map takes of each small place's three taps."""
    drawn = interpolation_matrix(length, 2 * length, align_corners, torch.device("cpu"))
    padded = torch.cat([torch.zeros(1, length), drawn, torch.zeros(1, length)])
    return torch.stack([padded[a : a + 2 * length] for a in range(3)], dim=2).flatten(1)


def _cut(matrix: Tensor) -> Iterator[Band]:
    with torch.inference_mode(False):  # what evaluation makes first, training may keep
        for first in range(0, len(matrix), BAND):
            part = matrix[first : first + BAND]
            met = part.any(0).nonzero().flatten()
            sources = slice(int(met[0]), int(met[-1]) + 1)
            yield Band(slice(first, first + len(part)), sources, part[:, sources].clone())
