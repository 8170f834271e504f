"""Activation checkpointing: activations recomputed instead of kept, less memory for a third more work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def run_checkpointed(part: nn.Module, *inputs: Any, checkpointing: bool) -> Any:
    """`part(*inputs)`; with `checkpointing`, nothing inside is kept and the backward pass runs it again."""
    if not checkpointing:
        return part(*inputs)
    # in the second run, batch norm must not add the same statistics to its running averages again
    return checkpoint(
        part,
        *inputs,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), frozen_bn_stats(part)),
    )


@contextmanager
def frozen_bn_stats(module: nn.Module) -> Iterator[None]:
    """Batch norms inside use the batch's own statistics, but leave their running averages as they are."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
