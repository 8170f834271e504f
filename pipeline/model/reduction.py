"""From an encoder's channels to the decoder's: four dilated convolutions, summed."""

from __future__ import annotations

from torch import Tensor, nn

DILATIONS = (3, 6, 12, 18)


class Reduction(nn.Module):
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
        out = self.branches[0](x)
        for branch in self.branches[1:]:
            out = out + branch(x)
        return out
