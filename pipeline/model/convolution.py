"""3x3 convolutions of stride 1 that keep the map's size: torch's, in less time on a CPU.

There torch's convolution runs at the rate of a matrix product, so that less time needs fewer operations:
Winograd's, where maps are large, channels many and filters not dilated. Its gradient for the weight is slower
than that, most of all for dilated filters: nine matrix products, or Winograd's, take its place where they are
faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from pipeline.model.winograd import POINTS, convolve, correlate, tiles_along

# What things cost, in multiply-adds of torch's convolution: a multiply-add of a matrix product; to transform
# a value of a map, or of a filter, for Winograd's form; to copy a value for a tap; a multiply-add of torch's
# gradient for the weight. Fitted to some forty layers of this project's networks on two cores with AVX2. They
# decide what is faster, not what comes out.
PRODUCT, TRANSFORM, TRANSFORM_FILTER, COPY, TORCH_WEIGHT = 1.3, 130, 150, 38, 2
TORCH, TAPS = "torch", "taps"  # beside Winograd's tiles, 4 or 5


def conv3x3(x: Tensor, weight: Tensor, bias: Tensor | None = None, dilation: int = 1) -> Tensor:
    """(n, c, h, w), (o, c, 3, 3), (o,) -> (n, o, h, w): `torch.nn.functional.conv2d`, but for rounding.

    On a GPU, in lower precision and under torch.compile it is that function.
    """
    if not plain_float32(x, weight):
        return functional.conv2d(x, weight, bias, padding=dilation, dilation=dilation)
    return _Conv3x3.apply(x, weight, bias, dilation)


def plain_float32(*tensors: Tensor) -> bool:
    """Whether this project's own forms may be used: on a CPU, in float32, and not under torch.compile."""
    plain = all(tensor.is_cpu and tensor.dtype == torch.float32 for tensor in tensors)
    return plain and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


class Conv3x3(nn.Conv2d):
    """`conv3x3` as a layer: `nn.Conv2d(in_channels, out_channels, 3, padding=1)`."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return conv3x3(x, self.weight, self.bias)


def fastest(shape: torch.Size, outputs: int, dilation: int) -> str | int:
    """How to convolve maps of a shape (n, c, h, w), or to give their gradient: "torch" or Winograd's tile."""
    costs = _winograd_costs(shape, outputs) if dilation == 1 else {}
    costs[TORCH] = _taps_met(shape, dilation) * shape[1] * outputs
    return min(costs, key=costs.__getitem__)


def fastest_for_weight(shape: torch.Size, outputs: int, dilation: int) -> str | int:
    """How to give the weight's gradient: "torch", "taps" or Winograd's tile."""
    (n, c, height, width), met = shape, _taps_met(shape, dilation)
    costs = _winograd_costs(shape, outputs) if dilation == 1 else {}
    costs[TORCH] = TORCH_WEIGHT * 9 * n * height * width * c * outputs
    costs[TAPS] = met * (PRODUCT * c * outputs + COPY * (c + outputs))
    return min(costs, key=costs.__getitem__)


def _winograd_costs(shape: torch.Size, outputs: int) -> dict[str | int, float]:
    n, c, height, width = shape
    costs: dict[str | int, float] = {}
    for m in POINTS:
        tiles = n * tiles_along(height, m) * tiles_along(width, m)
        a_tile = PRODUCT * c * outputs + TRANSFORM * (c + outputs)
        costs[m] = (m + 2) ** 2 * (tiles * a_tile + TRANSFORM_FILTER * c * outputs)
    return costs


def _taps_met(shape: torch.Size, dilation: int) -> float:
    """How often a tap of a filter meets a place of a map, and not padding."""
    n, _, *size = shape
    down, across = (length + 2 * max(0, length - dilation) for length in size)
    return n * down * across


class _Conv3x3(torch.autograd.Function):
    """`conv3x3` in float32 on a CPU; keeps its input and weight alone for the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        way = fastest(x.shape, len(weight), dilation)
        if isinstance(way, str):
            return functional.conv2d(x, weight, bias, padding=dilation, dilation=dilation)
        return convolve(x, weight, bias, way)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), dilation = ctx.saved_tensors, ctx.dilation
        padding = {"padding": dilation, "dilation": dilation}
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            way = fastest(x.shape, len(weight), dilation)
            if isinstance(way, str):
                of_x = conv2d_input(x.shape, weight, grad, **padding)
            else:  # a convolution again, with the filters turned round
                of_x = convolve(grad, weight.flip(2, 3).transpose(0, 1), None, way)
        if ctx.needs_input_grad[1]:
            way = fastest_for_weight(x.shape, len(weight), dilation)
            if way == TORCH:
                of_weight = conv2d_weight(x, weight.shape, grad, **padding)
            elif way == TAPS:
                of_weight = weight_by_taps(x, grad, dilation)
            else:
                of_weight = correlate(x, grad, int(way))
        if ctx.needs_input_grad[2]:
            of_bias = grad.sum((0, 2, 3))
        return of_x, of_weight, of_bias, None


def weight_by_taps(x: Tensor, grad: Tensor, dilation: int) -> Tensor:
    """A 3x3 filter's gradient, a matrix product for each tap: (n, c, h, w), (n, o, h, w) -> (o, c, 3, 3).

    Only places where the tap meets the map take part, and not the padding around it.
    """
    maps, grad = x.permute(0, 2, 3, 1), grad.permute(0, 2, 3, 1)
    c, o = maps.shape[-1], grad.shape[-1]
    weight = maps.new_empty(o, 3, 3, c)  # channels-last, as the weights are
    for i, (to_rows, from_rows) in enumerate(_meeting(maps.shape[1], dilation)):
        for j, (to_columns, from_columns) in enumerate(_meeting(maps.shape[2], dilation)):
            outputs = grad[:, to_rows, to_columns].reshape(-1, o)
            inputs = maps[:, from_rows, from_columns].reshape(-1, c)
            torch.mm(outputs.T, inputs, out=weight[:, i, j])
    return weight.permute(0, 3, 1, 2)


def _meeting(length: int, dilation: int) -> Iterator[tuple[slice, slice]]:
    """For each of three taps along an axis: the outputs that it adds to, and the inputs that it reads."""
    for shift in (-dilation, 0, dilation):
        start = min(length, max(0, -shift))
        end = max(start, min(length, length - shift))
        yield slice(start, end), slice(start + shift, end + shift)
