"""A 3x3 convolution of a map drawn at twice its size, without drawing it (float32, on a CPU).

A bilinear map of twice the size is a fixed mixture of neighbours, so that each of the four outputs that a
place turns into is a 3x3 filter of the small map: one convolution with four times the outputs takes the place
of a larger one. Where it then takes Winograd's form, that is less work. Along the edges, where interpolation
repeats the map and the convolution pads it with zeros, two lines are computed as they are written.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.model.convolution import TORCH, Conv3x3, conv3x3, fastest, plain_float32
from pipeline.model.resize import double

# Rows: a filter's taps. Columns: what they see of the places before, at and after, for an output to the left
# and one to the right of a place: its own neighbours at quarters and three quarters.
PHASES = (
    ((0.75, 0.25, 0.0), (0.25, 0.75, 0.0), (0.0, 0.75, 0.25)),
    ((0.25, 0.75, 0.0), (0.0, 0.75, 0.25), (0.0, 0.25, 0.75)),
)


def doubled_conv3x3(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(n, c, h, w), (o, c, 3, 3), (o,) -> (n, o, 2 h, 2 w): `conv3x3` of `double(x, align_corners=False)`."""
    if not plain_float32(x, weight, bias) or fastest(x.shape, 4 * len(weight), 1) == TORCH:
        return _as_written(x, weight, bias)
    out = _phases(x, weight, bias)
    out[..., :2, :] = _as_written(x[..., :2, :], weight, bias)[..., :2, :]
    out[..., -2:, :] = _as_written(x[..., -2:, :], weight, bias)[..., -2:, :]
    out[..., :2] = _as_written(x[..., :2], weight, bias)[..., :2]
    out[..., -2:] = _as_written(x[..., -2:], weight, bias)[..., -2:]
    return out


class DoubledConv3x3(Conv3x3):
    """`doubled_conv3x3` as a layer; its weights are those of a 3x3 `nn.Conv2d`."""

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        return doubled_conv3x3(x, self.weight, self.bias)


def _as_written(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return conv3x3(double(x, align_corners=False), weight, bias)


def _phases(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `doubled_conv3x3`, but for the two lines along each edge."""
    o, c = weight.shape[:2]
    phases = torch.tensor(PHASES, device=x.device)
    filters = torch.einsum("aki,blj,ockl->oabcij", phases, phases, weight)
    filters = filters.reshape(4 * o, c, 3, 3).contiguous(memory_format=torch.channels_last)
    return functional.pixel_shuffle(conv3x3(x, filters, bias.repeat_interleave(4)), 2)
