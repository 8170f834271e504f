"""Distributed training: losses and batch norm over the global batch, as one process would compute them.

Every process holds a share of each global batch. `gather` gives a loss all shares, so that every process
computes the loss of the global batch; DDP then averages the gradients, which makes them those of one process.
With a single process all functions do nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn


def gather(values: Tensor) -> Tensor:
    """Concatenate the rows of all processes, in order of rank, with gradients.

    Args:
        values: (n, ...); n may differ between processes.

    Returns:
        (sum of all n, ...), the same in every process. Each process gets the gradient of its own rows.
    """
    if _processes() == 1:
        return values
    lengths = torch.zeros(_processes(), dtype=torch.int64, device=values.device)
    lengths[distributed.get_rank()] = len(values)
    distributed.all_reduce(lengths)
    rank = distributed.get_rank()
    before, after = int(lengths[:rank].sum()), int(lengths[rank + 1 :].sum())
    kept = values.to(torch.uint8) if values.dtype == torch.bool else values
    rest = kept.shape[1:]
    # zeros in the other processes' places: the sum over processes is the concatenation
    spread = torch.cat([kept.new_zeros(before, *rest), kept, kept.new_zeros(after, *rest)])
    return _Sum.apply(spread).to(values.dtype)


def synchronise_batch_norm(module: nn.Module, device: torch.device) -> nn.Module:
    """Let every batch norm of a module use the statistics of the global batch.

    On a GPU that is torch's own `SyncBatchNorm`, which needs one; on a CPU `GlobalBatchNorm`.

    Args:
        module: changed in place where possible; names and values of its weights stay.
        device: where it is trained.

    Returns:
        The module to train.
    """
    if _processes() == 1:
        return module
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.__class__ = GlobalBatchNorm  # the same parameters and buffers, another forward
    return module


class GlobalBatchNorm(nn.BatchNorm2d):
    """Batch norm over the global batch, for processes on CPUs; their batches may differ in length.

    It is here so that the tests can hold several processes against one without a GPU: `SyncBatchNorm` has no
    CPU form.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, C, h, w) -> the same shape; in evaluation torch's own batch norm, by the running averages."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        first = _Sum.apply(torch.cat([x.sum((0, 2, 3)), x.new_tensor([x.numel() / x.shape[1]])]))
        count = first[-1].detach()
        mean = first[:-1] / count
        centred = x - mean[:, None, None]
        variance = _Sum.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)


class _Sum(torch.autograd.Function):
    """Sum over processes. Every result depends on all inputs, so the gradient is summed as well."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


def _processes() -> int:
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
