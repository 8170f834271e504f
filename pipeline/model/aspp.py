"""From an encoder's channels to the decoder's: four dilated convolutions, summed."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.model.convolution import conv3x3, plain_float32
from pipeline.model.fourier import dilated_sum

DILATIONS = (3, 6, 12, 18)
# On a GPU so many at once: for the gradients of 160 maps of 28 x 28 at dilations 12 and 18 in bfloat16 cuDNN
# falls back to kernels that take 20 times as long, and 200 to 300 times where they must be deterministic.
MAPS_ON_GPU = 40


class ASPP(nn.Module):
    """Sum of four 3x3 convolutions with dilations 3, 6, 12 and 18 (Zhou et al., ECCV 2022, after DeepLab).

    (n, in_channels, h, w) -> (n, channels, h, w). Weights start at N(0, 0.01).
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for dilation in DILATIONS:
            branch = nn.Conv2d(in_channels, channels, 3, padding=dilation, dilation=dilation)
            nn.init.normal_(branch.weight, std=0.01)
            self.branches.append(branch)

    def forward(self, x: Tensor) -> Tensor:
        sums = [self._sum(part) for part in x.split(_at_once(x))]
        return sums[0] if len(sums) == 1 else torch.cat(sums)

    def _sum(self, x: Tensor) -> Tensor:
        branches = [cast(nn.Conv2d, branch) for branch in self.branches]
        weights = [branch.weight for branch in branches]
        if plain_float32(x, *weights) and min(x.shape[-2:]) > max(DILATIONS):
            biases = [cast(Tensor, branch.bias) for branch in branches]
            return dilated_sum(x, weights, torch.stack(biases).sum(0), DILATIONS)
        parts = zip(branches, DILATIONS, strict=True)
        outputs = [_dilated(x, branch, dilation) for branch, dilation in parts]
        return outputs[0] + outputs[1] + outputs[2] + outputs[3]


def _at_once(x: Tensor) -> int:
    return MAPS_ON_GPU if x.is_cuda else len(x)


def _dilated(x: Tensor, branch: nn.Conv2d, dilation: int) -> Tensor:
    """A padded 3x3 convolution, without the taps that can only meet padding.

    A tap that lies `dilation` from the centre leaves a map no larger than that. For input of 224 pixels this
    spares 22 % and 44 % of the taps at stages 3 and 4, for 96 pixels 44 to 89 % at stages 2 to 4; the result
    and its gradient are the same.
    """
    tall, wide = (size > dilation for size in x.shape[-2:])
    if tall and wide:
        return conv3x3(x, branch.weight, branch.bias, dilation)
    weight = branch.weight[:, :, slice(None) if tall else slice(1, 2), slice(None) if wide else slice(1, 2)]
    padding = (dilation if tall else 0, dilation if wide else 0)
    return functional.conv2d(x, weight, branch.bias, padding=padding, dilation=dilation)
