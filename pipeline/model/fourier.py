"""A sum of dilated 3x3 convolutions by Fourier transform, in float32 on a CPU.

Where all dilations d are multiples of s, every s-th row and column of a map is a small map of its own, and in
it the dilations are d / s. By the convolution theorem each frequency f of the small maps then takes one
product, however many dilations and taps t there are:

    Y(f) = W(f) X(f),    W(f) = sum over t of w_t exp(2 pi i f . t)

For dilations 3, 6, 12 and 18 on maps of 56 x 56 that is 3.7 multiply-adds for an output and a pair of
channels, where the taps take 36. Small maps are padded with zeros by the longest reach of a tap, so that
nothing comes round an edge. The transforms are matrix products as well.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

AT_ONCE = 16  # frequencies: their filters stay in the cache
BLOCK = 64 * 2**20  # bytes of transformed maps at once
# Half of the taps around a filter's centre, as `_pair` takes them; the others lie opposite.
AHEAD = ((0, 1), (1, -1), (1, 0), (1, 1))


def dilated_sum(x: Tensor, weights: Sequence[Tensor], bias: Tensor, dilations: tuple[int, ...]) -> Tensor:
    """The sum of `torch.nn.functional.conv2d(x, weight, padding=d, dilation=d)`, plus a bias.

    (n, c, h, w), for each dilation (o, c, 3, 3), (o,) -> (n, o, h, w), channels-last, in float32. The memory
    for transforms does not grow with n.
    """
    return _DilatedSum.apply(x, bias, dilations, *weights)


class _DilatedSum(torch.autograd.Function):
    """`dilated_sum`; keeps its input and weights alone for the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor, dilations: tuple[int, ...], *weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, *weights)
        ctx.dilations = dilations
        waves, (o, c), (n, _, *size) = waves_of(*x.shape[2:], dilations), weights[0].shape[:2], x.shape
        even, odd = _pair(weights)
        out = torch.empty(n, o, *size, memory_format=torch.channels_last)
        for block in waves.blocks(n, max(c, o)):
            maps = waves.transform(x[block])
            sums = maps.new_empty(*maps.shape[:2], o)
            for part, real, imaginary in waves.filters(even, odd, (o, c)):
                _multiply(maps[part], real.mT, imaginary.mT, sums[part])
            torch.add(waves.back(sums, size), bias, out=out[block].permute(0, 2, 3, 1))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        needs_x, needs_bias, _, *needs_weights = ctx.needs_input_grad
        waves, (o, c), (n, _, *size) = waves_of(*x.shape[2:], ctx.dilations), weights[0].shape[:2], x.shape
        even, odd = _pair(weights)
        of_x = torch.empty(n, c, *size, memory_format=torch.channels_last)
        of_even, of_odd = torch.zeros_like(even), torch.zeros_like(odd)
        for block in waves.blocks(n, max(c, o)):
            grads = waves.transform(grad[block])
            if needs_x:  # taps turned round: W's conjugate
                sums = grads.new_empty(*grads.shape[:2], c)
                for part, real, imaginary in waves.filters(even, -odd, (o, c)):
                    _multiply(grads[part], real, imaginary, sums[part])
                of_x[block] = waves.back(sums, size).permute(0, 3, 1, 2)
            if any(needs_weights):
                maps = waves.transform(x[block])
                for part in waves.parts():
                    real, imaginary = _correlate(grads[part], maps[part])
                    of_even.addmm_((waves.even * waves.share)[part].T, real.flatten(1))
                    of_odd.addmm_((waves.odd * waves.share)[part].T, imaginary.flatten(1), alpha=-1)
        of_weights = _unpair(of_even, of_odd, weights) if any(needs_weights) else [None] * len(weights)
        of_bias = grad.sum((0, 2, 3)) if needs_bias else None
        return of_x if needs_x else None, of_bias, None, *of_weights


def _pair(weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The centres' sum and opposite taps' sums of k filters, (1 + 4 k, o c), and differences, (4 k, o c)."""
    taps = torch.stack([weight.permute(2, 3, 0, 1).reshape(9, -1) for weight in weights])
    ahead, behind = taps[:, 5:].flatten(0, 1), taps[:, :4].flip(1).flatten(0, 1)
    return torch.cat([taps[:, 4].sum(0, keepdim=True), ahead + behind]), ahead - behind


def _unpair(of_even: Tensor, of_odd: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of `_pair`'s weights from those of its sums and differences."""
    o, c = weights[0].shape[:2]
    sums, differences = of_even[1:].view(-1, 4, o * c), of_odd.view(-1, 4, o * c)
    centre = of_even[:1].expand(len(weights), 1, -1)
    taps = torch.cat([(sums - differences).flip(1), centre, sums + differences], dim=1)
    return list(taps.view(-1, 3, 3, o, c).permute(0, 3, 4, 1, 2))


def _multiply(maps: Tensor, real: Tensor, imaginary: Tensor, out: Tensor) -> None:
    """Complex products for each frequency: (f, 2 m, c), (f, c, o), (f, c, o) -> (f, 2 m, o).

    The first m rows of maps are real parts, the others imaginary ones.
    """
    m = maps.shape[1] // 2
    by_real, by_imaginary = maps @ real, maps @ imaginary
    torch.sub(by_real[:, :m], by_imaginary[:, m:], out=out[:, :m])
    torch.add(by_real[:, m:], by_imaginary[:, :m], out=out[:, m:])


def _correlate(grads: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
    """G^H X for each frequency: (f, 2 m, o), (f, 2 m, c) -> real and imaginary parts (f, o, c)."""
    m = maps.shape[1] // 2
    imaginary = grads[:, :m].mT @ maps[:, m:]
    return grads.mT @ maps, imaginary.baddbmm_(grads[:, m:].mT, maps[:, :m], alpha=-1)


class Waves(NamedTuple):
    """The matrices that lead from maps of one size to frequencies and back, float32.

    U frequencies down, M // 2 + 1 for M padded rows (a real map's others are conjugates), V across, as many
    as padded columns.
    """

    step: int  # s
    rows: int  # of a small map
    columns: int
    down: Tensor  # (2 U, rows)
    across: Tensor  # (2 V, 2 columns)
    even: Tensor  # (U V, 1 + taps): W's real part from `_pair`'s sums
    odd: Tensor  # (U V, taps): its imaginary part from the differences
    share: Tensor  # (U V, 1): of each frequency in a sum over all places

    def blocks(self, n: int, width: int) -> Iterator[slice]:
        """Maps, so many at once that they take about `BLOCK` bytes when transformed."""
        many = max(1, BLOCK // (4 * width * 2 * len(self.even) * self.step**2))
        return (slice(first, first + many) for first in range(0, n, many))

    def parts(self) -> Iterator[slice]:
        """All frequencies, `AT_ONCE` at a time."""
        return (slice(first, first + AT_ONCE) for first in range(0, len(self.even), AT_ONCE))

    def filters(
        self, even: Tensor, odd: Tensor, shape: Sequence[int]
    ) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Frequencies and W there: real and imaginary parts (f, o, c)."""
        for part in self.parts():
            yield part, (self.even[part] @ even).view(-1, *shape), (self.odd[part] @ odd).view(-1, *shape)

    def transform(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) -> (U V, 2 m, c): the m = n s^2 small maps' real parts, then their imaginary parts."""
        s, x = self.step, maps.permute(0, 2, 3, 1)
        n, height, width, c = x.shape
        x = functional.pad(x, (0, 0, 0, self.columns * s - width, 0, self.rows * s - height))
        small = x.view(n, self.rows, s, self.columns, s, c).permute(1, 3, 0, 2, 4, 5)
        lines = (self.down @ small.reshape(self.rows, -1)).view(-1, 2 * self.columns, n * s * s * c)
        return torch.matmul(self.across, lines).view(len(self.even), -1, c)

    def back(self, waves: Tensor, size: Sequence[int]) -> Tensor:
        """`transform`'s inverse: (U V, 2 m, c), which is overwritten, -> (n, h, w, c)."""
        s, c = self.step, waves.shape[-1]
        shares = waves.mul_(self.share[:, None]).view(len(self.down) // 2, len(self.across), -1)
        lines = torch.matmul(self.across.T, shares).view(len(self.down), -1)
        small = (self.down.T @ lines).view(self.rows, self.columns, -1, s, s, c)
        whole = small.permute(2, 0, 3, 1, 4, 5).reshape(-1, self.rows * s, self.columns * s, c)
        return whole[:, : size[0], : size[1]]


@functools.cache
def waves_of(height: int, width: int, dilations: tuple[int, ...]) -> Waves:
    """The matrices for maps of a size, rounded from float64."""
    step = math.gcd(*dilations)
    rows, columns = math.ceil(height / step), math.ceil(width / step)
    tall, wide = rows + max(dilations) // step, columns + max(dilations) // step
    with torch.inference_mode(False):  # what evaluation makes first, training may keep
        place = torch.arange(max(tall, wide), dtype=torch.float64)
        u, v = 2 * math.pi / tall * place[: tall // 2 + 1], 2 * math.pi / wide * place[:wide]
        down, across = u[:, None] * place[:rows], v[:, None] * place[:columns]
        real = torch.cat([across.cos(), across.sin()], 1)
        imaginary = torch.cat([-across.sin(), across.cos()], 1)
        taps = [(d // step * i, d // step * j) for d in dilations for i, j in AHEAD]
        turns = torch.stack([(u[:, None] * i + v * j).flatten() for i, j in taps], 1)
        times = torch.full_like(u, 2)  # each stands for its conjugate too, but for these
        times[0] = 1
        if tall % 2 == 0:
            times[-1] = 1
        matrices = {
            "down": torch.stack([down.cos(), -down.sin()], 1).flatten(0, 1),
            "across": torch.stack([real, imaginary], 1).flatten(0, 1),
            "even": torch.cat([torch.ones_like(turns[:, :1]), turns.cos()], 1),
            "odd": turns.sin(),
            "share": (times / (tall * wide)).repeat_interleave(wide)[:, None],
        }
        return Waves(step, rows, columns, **{name: matrix.float() for name, matrix in matrices.items()})
