"""TPAVI straight from the paper's equation, with its N x N matrix: the oracle for the linear form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.model.tpavi import TPAVI


class DirectTPAVI(nn.Module):
    """The same layers as a `TPAVI` block, applied in the paper's order to the repeated audio map."""

    def __init__(self, block: TPAVI) -> None:
        super().__init__()
        self.block = block

    def forward(self, maps: Tensor, audio: Tensor | None) -> tuple[Tensor, Tensor | None]:
        block, (b, t, c, h, w) = self.block, maps.shape
        v = maps.permute(0, 1, 3, 4, 2).reshape(b, t * h * w, c)
        aligned, source = None, v
        if audio is not None:
            aligned = block.align(audio)
            source = aligned.repeat_interleave(h * w, dim=1)
        alpha = block.theta(v) @ block.phi(source).mT / (t * h * w)
        y = block.mu(alpha @ block.g(v))
        y = block.bn(y.mT.unsqueeze(-1)).squeeze(-1).mT
        z = block.norm(v + y)
        return z.reshape(b, t, h, w, c).permute(0, 1, 4, 2, 3), aligned


def randomise_bn(block: TPAVI) -> TPAVI:
    """A block whose batch norm lets the attention through: at the start its scale is zero."""
    torch.nn.init.uniform_(block.bn.weight, 0.5, 1.5)
    torch.nn.init.normal_(block.bn.bias)
    torch.nn.init.uniform_(block.bn.running_var, 0.5, 1.5)
    return block
