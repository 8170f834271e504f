"""3x3 convolutions with fewer multiplications: Winograd's minimal filtering (Lavin & Gray, CVPR 2016).

A tile of m x m outputs, from a x a inputs with a = m + 2, takes a^2 products and not 9 m^2:

    Y = A^T [ (G g G^T) * (B^T d B) ] A

for each pair of channels; over all tiles they are a^2 matrix products. With m = 5 that is 2.0 products for an
output, with m = 4 it is 2.25.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Where the polynomials are evaluated, beside infinity, for tiles of m x m: of all choices among 0, 1, 3/2, 2,
# 3, 4, their inverses and negatives the one with the least error in float32.
POINTS = {
    4: [Fraction(point) for point in ("0", "1", "2", "-1/2", "-3/2")],
    5: [Fraction(point) for point in ("0", "1", "1/2", "3", "-3/2", "-2/3")],
}
BLOCK = 8 * 2**20  # bytes of transformed tiles at once: they stay in the cache


class Transforms(NamedTuple):
    """B^T (a, a), G (a, 3) and A^T (m, a), float32."""

    inputs: Tensor
    filters: Tensor
    outputs: Tensor


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, m: int) -> Tensor:
    """A 3x3 convolution of stride 1 that keeps the map's size, with tiles of m x m, in float32.

    (n, c, h, w), (o, c, 3, 3), (o,) -> (n, o, h, w), channels-last; m is a key of `POINTS`. The memory that
    the tiles take does not grow with the map.
    """
    matrices, maps, (o, c) = transforms(m), x.permute(0, 2, 3, 1), weight.shape[:2]
    both = torch.kron(matrices.filters, matrices.filters)
    filters = (both @ weight.permute(2, 3, 1, 0).reshape(9, c * o)).view(-1, c, o)
    out = torch.empty(len(x), o, *x.shape[2:], memory_format=torch.channels_last)
    grid = _Grid(maps, m)
    for block in grid.blocks(max(c, o)):
        products = torch.bmm(_twice(matrices.inputs, grid.cut(maps, block, m + 2)), filters)
        grid.put(_twice(matrices.outputs, products), out.permute(0, 2, 3, 1), block, bias)
    return out


def correlate(x: Tensor, grad: Tensor, m: int) -> Tensor:
    """The gradient of `convolve` for its weight: (n, c, h, w), (n, o, h, w) -> (o, c, 3, 3)."""
    matrices, maps, grad = transforms(m), x.permute(0, 2, 3, 1), grad.permute(0, 2, 3, 1)
    c, o = maps.shape[-1], grad.shape[-1]
    products = None
    grid = _Grid(maps, m)
    for block in grid.blocks(max(c, o)):
        tiles = _twice(matrices.inputs, grid.cut(maps, block, m + 2))
        pulls = _twice(matrices.outputs.T, grid.cut(grad, block, m))
        products = tiles.mT @ pulls if products is None else products.baddbmm_(tiles.mT, pulls)
    assert products is not None
    both = torch.kron(matrices.filters, matrices.filters)
    return (both.T @ products.flatten(1)).view(3, 3, c, o).permute(3, 2, 0, 1)


@functools.cache
def transforms(m: int) -> Transforms:
    """The three matrices for tiles of m x m (Toom-Cook, transposed), made from `POINTS` without rounding."""
    points, a = POINTS[m], m + 2

    def without(j: int) -> list[Fraction]:
        return [p for k, p in enumerate(points) if k != j]

    inputs = [_polynomial(without(j), a) for j in range(a - 1)] + [_polynomial(points, a)]
    filters = [[p**k / math.prod(p - q for q in without(j)) for k in range(3)] for j, p in enumerate(points)]
    filters.append([Fraction(0), Fraction(0), Fraction(1)])
    outputs = [[p**i for p in points] + [Fraction(i == m - 1)] for i in range(m)]
    with torch.inference_mode(False):  # what evaluation makes first, training may keep
        return Transforms(
            *(torch.tensor([[float(v) for v in r] for r in t]) for t in (inputs, filters, outputs))
        )


def _polynomial(roots: list[Fraction], terms: int) -> list[Fraction]:
    """The coefficients of the product of (x - root), lowest first, filled up with zeros."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [s - root * c for s, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return coefficients + [Fraction(0)] * (terms - len(coefficients))


def _twice(matrix: Tensor, tiles: Tensor) -> Tensor:
    """M X M^T for each tile X: (q^2, k, width) -> (p^2, k, width), for a matrix M (p, q)."""
    p, q = matrix.shape
    down = (matrix @ tiles.reshape(q, -1)).view(p, q, -1)
    return torch.matmul(matrix, down).view(p * p, *tiles.shape[1:])


def tiles_along(length: int, m: int) -> int:
    """How many tiles it takes to cover an axis."""
    return math.ceil(length / m)


class _Block(NamedTuple):
    """Some maps' lines of tiles, from `first` to before `end`."""

    maps: slice
    first: int
    end: int


class _Grid:
    """Where the tiles of maps (n, h, w, width) lie."""

    def __init__(self, maps: Tensor, m: int) -> None:
        self.n, self.m = len(maps), m
        self.tall, self.wide = (tiles_along(length, m) for length in maps.shape[1:3])

    def blocks(self, width: int) -> Iterator[_Block]:
        """All tiles, so many at once that they take about `BLOCK` bytes when transformed."""
        line = 4 * width * self.wide * (self.m + 2) ** 2
        lines = max(1, BLOCK // line)
        maps = max(1, lines // self.tall)
        for i in range(0, self.n, maps):
            for first in range(0, self.tall, lines):
                yield _Block(slice(i, i + maps), first, min(first + lines, self.tall))

    def cut(self, maps: Tensor, block: _Block, side: int) -> Tensor:
        """A block's tiles of side x side, m places from one to the next: (side^2, tiles, width).

        Zeros stand around the maps: tiles of m + 2 begin one place before them, tiles of m at them.
        """
        before = (side - self.m) // 2
        height, width = maps.shape[1:3]
        start, end = self.m * block.first - before, self.m * block.end + before
        lines = maps[block.maps, max(start, 0) : min(end, height)]
        after = self.m * self.wide + before - width
        part = functional.pad(lines, (0, 0, before, after, max(-start, 0), max(end - height, 0)))
        tiles = part.unfold(1, side, self.m).unfold(2, side, self.m)  # (n, tall, wide, width, side, side)
        return tiles.permute(4, 5, 0, 1, 2, 3).reshape(side * side, -1, maps.shape[-1])

    def put(self, tiles: Tensor, out: Tensor, block: _Block, bias: Tensor | None) -> None:
        """Write a block's tiles (m^2, tiles, width), and the bias, where they lie within the maps."""
        m, (height, width) = self.m, out.shape[1:3]
        lines = block.end - block.first
        parts = tiles.view(m, m, -1, lines, self.wide, out.shape[-1]).permute(2, 3, 0, 4, 1, 5)
        whole = parts.reshape(-1, lines * m, self.wide * m, out.shape[-1])
        start = block.first * m
        end = min(start + lines * m, height)
        part, place = whole[:, : end - start, :width], out[block.maps, start:end]
        if bias is None:
            place.copy_(part)
        else:
            torch.add(part, bias, out=place)
