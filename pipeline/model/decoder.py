"""The decoder: top-down residual fusion of four maps, then one logit a pixel (Zhou et al., ECCV 2022)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from pipeline.model.convolution import Conv3x3
from pipeline.model.doubled import DoubledConv3x3
from pipeline.ops.resize import double


class ResidualUnit(nn.Module):
    """r = ReLU(x);  r + conv(ReLU(conv(r))).

    The skip adds ReLU(x), not x: the published unit applies its ReLU in place, and trained weights expect it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv3x3(channels, channels)
        self.conv2 = Conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        r = functional.relu(x)
        inner = functional.relu(
            self.conv1(r), inplace=True
        )  # in place: to make room takes longer than to add
        return self.conv2(inner).add_(r)


class Fusion(nn.Module):
    """One level: add the refined lateral map to what came from above at half the size, refine."""

    def __init__(self, channels: int, lateral: bool) -> None:
        super().__init__()
        self.lateral = ResidualUnit(channels) if lateral else None
        self.refine = ResidualUnit(channels)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        if self.lateral is not None:
            x = self.lateral(skip).add_(double(x, align_corners=True))
        return self.refine(x)


class Decoder(nn.Module):
    """Four maps (n, C, H/4, W/4) ... (n, C, H/32, W/32) -> logits (n, H, W).

    The head doubles the size twice; its widths are C/2 and C/8 (128 and 32 at the published C = 256), the
    latter at least 16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fusions = nn.ModuleList(Fusion(channels, lateral=stage < 4) for stage in (1, 2, 3, 4))
        half, thin = channels // 2, max(channels // 8, 16)
        layers = {  # by their places among the published layers, of which 1 doubles the map for 2
            "0": DoubledConv3x3(channels, half, align_corners=True),
            "2": DoubledConv3x3(half, thin, align_corners=False),
            "3": nn.ReLU(inplace=True),
            "4": nn.Conv2d(thin, 1, 1),
        }
        self.head = nn.Sequential(OrderedDict(layers))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = self.fusions[3](maps[3])
        for stage in (2, 1, 0):
            x = self.fusions[stage](x, maps[stage])
        return self.head(x).squeeze(1)
