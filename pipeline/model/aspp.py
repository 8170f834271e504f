"""ASPP, atrous spatial pyramid pooling: four dilated convolutions, summed."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

DILATIONS = (3, 6, 12, 18)
# Maps per call on a GPU: for the gradients of 160 maps of 28 x 28 at dilations 12 and 18 in bfloat16, cuDNN
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
        """The sum of the branches, on a GPU for `MAPS_ON_GPU` maps at a time."""
        sums = [self._sum(part) for part in x.split(_maps_per_call(x))]
        return sums[0] if len(sums) == 1 else torch.cat(sums)

    def _sum(self, x: Tensor) -> Tensor:
        a, b, c, d = (_dilated(x, cast(nn.Conv2d, branch)) for branch in self.branches)
        return a + b + c + d


def _maps_per_call(x: Tensor) -> int:
    return MAPS_ON_GPU if x.is_cuda else len(x)


def _dilated(x: Tensor, branch: nn.Conv2d) -> Tensor:
    """`branch(x)` without the taps that can only meet padding.

    A tap that is `dilation` away from the centre is always outside a map that is no larger than that. For
    input of 224 pixels this saves 22 % and 44 % of the taps at stages 3 and 4, for 96 pixels 44 to 89 % at
    stages 2 to 4; the result and its gradient are the same.
    """
    (dilation, _), weight = branch.dilation, branch.weight
    fits = [size > dilation for size in x.shape[-2:]]
    rows, columns = (slice(None) if fit else slice(1, 2) for fit in fits)
    padding = [dilation if fit else 0 for fit in fits]
    return functional.conv2d(x, weight[:, :, rows, columns], branch.bias, 1, padding, dilation)
