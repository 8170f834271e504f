"""How far float32 may lie from float64: a share of what went into a sum, which may have cancelled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def assert_close_for(magnitudes: Sequence[Tensor], found: Sequence[Tensor], exact: Sequence[Tensor]) -> None:
    """Hold each result's error against the largest of its sums of magnitudes."""
    for ours, theirs, magnitude in zip(found, exact, magnitudes, strict=True):
        assert ours.shape == theirs.shape
        scale = float(magnitude.detach().max())
        torch.testing.assert_close(ours.double(), theirs, atol=5e-6 * scale, rtol=0)
