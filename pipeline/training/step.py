"""A step of the optimiser: as Python runs it, or replayed as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
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
    """A step that follows the mean gradient of some batches, and gives each one's loss terms by name."""

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
    """What keeps a step from being a CUDA graph; "" if nothing does."""
    if fabric.device.type != "cuda":
        return "there is no GPU"
    if fabric.world_size > 1:
        return "it is for one process"
    if precision == "16-mixed":
        return "the host reads the loss scale of 16-mixed; take bf16-mixed"
    return "it is not for checkpointing" if checkpointing else ""


def set_rates(optimizer: Any, rates: Sequence[float]) -> None:
    """Set the learning rate of each of the optimiser's groups; one that stands on the device stays there."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


class CUDAGraphStep:
    """A step whose kernels, thousands of them, are started by the device alone, without waiting for Python.

    The first steps run as they are; then one is recorded, and replayed for all batches of the same shapes,
    whose values are copied to where the recorded ones stood. Batches of other shapes, as an epoch's last,
    run as they are.

    Args:
        step: `eager_step`'s, on a GPU; it must not wait for the device.
        optimizer: its own. From now on it takes learning rates from the device (see `set_rates`).
        device: the GPU.
        rarely: entered for batches of other shapes.
    """

    def __init__(
        self,
        step: Step,
        optimizer: Any,
        device: torch.device,
        rarely: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.step, self.rarely = step, rarely
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.shapes: list[tuple] = []  # of the batches that are recorded
        self.steps = 0
        # of the last two steps: so far the host may be ahead, since what waits in line takes its memory
        self.ends = [torch.cuda.Event(), torch.cuda.Event()]
        self.batches: list[Batch] = []
        self.terms: Terms = []
        for group in optimizer.param_groups:
            group["capturable"] = True
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)

    def __call__(self, batches: Sequence[Batch]) -> Terms:
        """The step's terms; they stand until the next step."""
        shapes = [_shapes(batch) for batch in batches]
        self.shapes = self.shapes or shapes
        if shapes != self.shapes:
            with self.rarely():
                return self._aside(batches)
        if self.steps < WARM_UP:
            self.steps += 1
            return self._aside(batches)
        if self.graph is None:
            self.batches = [batch.clone() for batch in batches]
            self.graph = torch.cuda.CUDAGraph()
            # else a call of the thread that reads batches, for page-locked memory, would spoil the recording
            try:
                with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
                    self.terms = self.step(self.batches)
            except RuntimeError as error:
                first = str(error).splitlines()[0]
                raise PipelineError(
                    f"train.cuda_graph: a step cannot be recorded ({first}); set it to false and run again."
                ) from error
        self.ends.reverse()
        self.ends[0].synchronize()
        for recorded, batch in zip(self.batches, batches, strict=True):
            recorded.copy_(batch)
        self.graph.replay()
        self.ends[0].record()
        return self.terms

    def _aside(self, batches: Sequence[Batch]) -> Terms:
        """On the stream of the capture, where gradients are to be added up then as well."""
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            terms = self.step(batches)
        here.wait_stream(self.stream)
        return terms


def _shapes(batch: Batch) -> tuple:
    values = (getattr(batch, field.name) for field in fields(batch))
    return tuple(None if value is None else (value.shape, value.dtype) for value in values)
