"""Decoder: top-down residual fusion of four maps, then one logit a pixel (Zhou et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from pipeline.ops.resize import double


class Upsample(nn.Module):
    """Bilinear upsampling by two: (n, C, h, w) -> (n, C, 2 h, 2 w)."""

    def __init__(self, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        """The map at twice its size."""
        return double(x, self.align_corners)


class ResidualUnit(nn.Module):
    """r = ReLU(x);  r + conv(ReLU(conv(r))).

    The skip adds ReLU(x), not x: the published unit applies its ReLU in place, and trained weights expect it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, h, w) -> (n, C, h, w)."""
        r = functional.relu(x)
        return r + self.conv2(functional.relu(self.conv1(r)))


class Fusion(nn.Module):
    """One level: add a stage's map to what comes from the coarser level, refine the sum, double its size."""

    def __init__(self, channels: int, lateral: bool) -> None:
        super().__init__()
        self.lateral = ResidualUnit(channels) if lateral else None
        self.refine = ResidualUnit(channels)

    def forward(self, x: Tensor, above: Tensor | None = None) -> Tensor:
        """(n, C, h, w), and but for the coarsest level `above` of the same shape -> (n, C, 2 h, 2 w)."""
        if self.lateral is not None:
            x = above + self.lateral(x)
        return double(self.refine(x), align_corners=True)


class Decoder(nn.Module):
    """Four maps (n, C, H/4, W/4) ... (n, C, H/32, W/32) -> logits (n, H, W).

    The head's widths are C/2 and C/8 (128 and 32 at the published C = 256), the latter at least 16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fusions = nn.ModuleList(Fusion(channels, lateral=stage < 4) for stage in (1, 2, 3, 4))
        half, thin = channels // 2, max(channels // 8, 16)
        self.head = nn.Sequential(
            nn.Conv2d(channels, half, 3, padding=1),
            Upsample(align_corners=False),
            nn.Conv2d(half, thin, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(thin, 1, 1),
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits of four maps, finest first."""
        x = self.fusions[3](maps[3])
        for stage in (2, 1, 0):
            x = self.fusions[stage](maps[stage], x)
        return self.head(x).squeeze(1)
