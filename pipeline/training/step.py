"""A training step: run by Python, or replayed as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.dataset.clips import Batch
from pipeline.utils.errors import PipelineError

Terms = list[dict[str, Tensor]]
Step = Callable[[Sequence[Batch]], Terms]

WARM_UP = 3  # steps before the capture: they make Adam's state, and let cuDNN and torch.compile choose


def eager_step(objective: Any, optimizer: Any, fabric: Fabric) -> Step:
    """A step along the mean gradient of some batches; it returns each one's loss terms by name."""

    def step(batches: Sequence[Batch]) -> Terms:
        optimizer.zero_grad(set_to_none=True)
        found = []
        for place, batch in enumerate(batches, start=1):
            with fabric.no_backward_sync(objective, enabled=place < len(batches)):
                terms = objective(batch, len(batches))
                fabric.backward(terms["loss"] / len(batches))
            found.append({name: value.detach() for name, value in terms.items()})
        optimizer.step()
        return found

    return step


def why_no_cuda_graph(fabric: Fabric, precision: str, checkpointing: bool) -> str:
    """The reason why a step cannot be a CUDA graph; "" if it can."""
    if fabric.device.type != "cuda":
        return "there is no GPU"
    if fabric.world_size > 1:
        return "it works for one process only"
    if precision == "16-mixed":
        return "16-mixed needs the loss scale on the host; use bf16-mixed"
    return "it does not work with checkpointing" if checkpointing else ""


def set_rates(optimizer: Any, rates: Sequence[float]) -> None:
    """Set the learning rate of each of the optimiser's groups; one that is on the device stays there."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


class CUDAGraphStep:
    """A step as one CUDA graph: thousands of kernels start without waiting for Python.

    The first steps run eagerly; then one is recorded, and replayed for all batches of the same shapes, whose
    values are copied into the recorded tensors. Batches of other shapes, such as an epoch's last, run
    eagerly.

    Args:
        step: from `eager_step`, on a GPU; it must not wait for the device.
        optimizer: its own. From now on it reads learning rates from the device (see `set_rates`).
        device: the GPU.
        eager_context: entered for batches of other shapes.
    """

    def __init__(
        self,
        step: Step,
        optimizer: Any,
        device: torch.device,
        eager_context: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.step, self.eager_context = step, eager_context
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.shapes: list[tuple] = []  # of the batches that are recorded
        self.steps = 0
        # of the last two steps: the host may be that far ahead; what is queued keeps its memory
        self.step_ends = [torch.cuda.Event(), torch.cuda.Event()]
        self.batches: list[Batch] = []
        self.terms: Terms = []
        for group in optimizer.param_groups:
            group["capturable"] = True
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)

    def __call__(self, batches: Sequence[Batch]) -> Terms:
        """Take a step; its terms are valid until the next one."""
        shapes = [_shapes(batch) for batch in batches]
        self.shapes = self.shapes or shapes
        if shapes != self.shapes:
            with self.eager_context():
                return self._run_eager(batches)
        if self.steps < WARM_UP:
            self.steps += 1
            return self._run_eager(batches)
        if self.graph is None:
            self.batches = [batch.clone() for batch in batches]
            self.graph = torch.cuda.CUDAGraph()
            # thread_local: the prefetching thread's page-locked allocations would spoil the recording
            try:
                with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
                    self.terms = self.step(self.batches)
            except RuntimeError as error:
                first = str(error).splitlines()[0]
                raise PipelineError(
                    f"train.cuda_graph: a step cannot be recorded ({first}); set it to false and run again."
                ) from error
        self.step_ends.reverse()
        self.step_ends[0].synchronize()
        for recorded, batch in zip(self.batches, batches, strict=True):
            recorded.copy_(batch)
        self.graph.replay()
        self.step_ends[0].record()
        return self.terms

    def _run_eager(self, batches: Sequence[Batch]) -> Terms:
        """Run on the capture's stream, where gradients accumulate later as well."""
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            terms = self.step(batches)
        here.wait_stream(self.stream)
        return terms


def _shapes(batch: Batch) -> tuple:
    return tuple((tensor.shape, tensor.dtype) for tensor in batch.tensors())
