"""The training loop: one variant with one seed.

Lightning Fabric places the model and the batches (CPU or GPU, precision, processes); the loop is in plain
sight.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.config.run_config import RunConfig
from pipeline.dataset.augment import augment
from pipeline.dataset.clips import Batch
from pipeline.dataset.loader import epoch_batches, prefetch
from pipeline.dataset.training import TrainingData
from pipeline.ops.distributed import synchronise_batch_norm
from pipeline.training.objective import Objective
from pipeline.training.progress import Log, Progress
from pipeline.training.resume import ResumeState
from pipeline.training.schedule import learning_rate_factor
from pipeline.training.seed import seed_everything
from pipeline.training.step import CUDAGraphStep, Step, eager_step, set_rates, why_no_cuda_graph
from pipeline.training.validate import validate
from pipeline.utils.errors import PipelineError


@dataclass(frozen=True)
class TrainOptions:
    """How to compute; none of it changes what is computed.

    Attributes:
        checkpointing: compute activations twice instead of keeping them, for small cards.
        compile: run the network's parts through torch.compile.
        cuda_graph: run a step as one CUDA graph, where that is possible; else it is said why not.
    """

    checkpointing: bool = False
    compile: bool = False
    cuda_graph: bool = False


@dataclass
class _Setup:
    """An objective and its optimiser, placed by Fabric."""

    objective: Objective
    wrapped: Any
    optimizer: Any
    rates: list[float]
    eager_context: Callable[[], AbstractContextManager[Any]]


def train(
    config: RunConfig,
    seed: int,
    data: TrainingData,
    out: Path,
    *,
    resume: ResumeState,
    log: Log | None,
    say: Callable[[str], None],
    fabric: Fabric,
    initial: dict[str, Tensor] | None = None,
    options: TrainOptions = TrainOptions(),
    on_batch: Callable[[], None] = lambda: None,
) -> None:
    """Train, and write `out`/best.pt, last.pt and epoch-{e}.pt for each e in `config.keep_epochs`.

    All processes of `fabric` call it; only the first writes files, logs and says something.

    Args:
        config: of the variant.
        seed: of the run.
        data: clips and splits.
        out: folder of the checkpoints.
        resume: state of an interrupted run, and where this run keeps its own.
        log: gets each epoch's figures; None: nobody does.
        say: gets one line an epoch.
        fabric: launched.
        initial: a state dict of the network to start from (pretrained encoder or another checkpoint).
        options: how to compute.
        on_batch: called at each batch, for a progress bar.

    Raises:
        PipelineError: the loss becomes infinite or NaN.
    """
    seed_everything(seed)
    setup = _build(config, data, fabric, initial, options)
    progress = _restore(resume, setup, fabric, log, say)
    step = _step(setup, config, fabric, options, say)
    for epoch in range(progress.epoch + 1, config.epochs + 1):
        seed_everything(seed, epoch, fabric.global_rank)  # so a resumed run draws as one without a break
        figures = train_epoch(setup, step, config, seed, epoch, data, fabric, on_batch)
        with setup.eager_context():
            figures |= validate(setup.objective.model, fabric, data.clips, data.val_rows, config.batch_size)
        if fabric.is_global_zero:
            progress.add(epoch, figures, setup.objective, config)
            progress.report(log, say, config.epochs)
            resume.save(_state(setup, progress, fabric))
    if fabric.is_global_zero:
        progress.write(out)
        resume.clear()


def train_epoch(
    setup: _Setup,
    step: Step,
    config: RunConfig,
    seed: int,
    epoch: int,
    data: TrainingData,
    fabric: Fabric,
    on_batch: Callable[[], None],
) -> dict[str, float]:
    """One pass over the training clips; the mean of each loss term under `train/{name}`."""
    setup.wrapped.train()
    groups = epoch_batches(
        data.train_rows, config.batch_size, seed, epoch, rank=fabric.global_rank, world_size=fabric.world_size
    )
    read = prefetch(data.clips, groups, epoch=epoch, pin=fabric.device.type == "cuda")
    batches = (augment(batch.to(fabric.device), config.augment, seed, epoch) for batch in read)

    def before_step(done: int, taken: int) -> None:
        # the rate of the last of the step's batches
        factor = learning_rate_factor(epoch - 1 + (done + taken - 0.5) / len(groups), config)
        set_rates(setup.optimizer, [rate * factor for rate in setup.rates])
        for _ in range(taken):
            on_batch()

    means = take_steps(step, batches, before_step, config.accumulate)
    if not all(map(math.isfinite, means.values())):
        terms = ", ".join(f"{name} {value:.4g}" for name, value in means.items() if name != "loss")
        raise PipelineError(
            f"{config.variant}-{seed}: the loss is not finite in epoch {epoch} ({terms}); lower train.lr or "
            "a weight in loss."
        )
    return {f"train/{name}": value for name, value in means.items()}


def take_steps(
    step: Step, batches: Iterator[Batch], before_step: Callable[[int, int], None], accumulate: int = 1
) -> dict[str, float]:
    """Take steps on all batches; the mean of each loss term, by name.

    Each step follows the mean gradient of `accumulate` batches; the last one that of those that are left.

    Args:
        step: takes a step on some batches.
        batches: on the device, already augmented.
        before_step: called with the number of batches done in this epoch, and of those in the step.
        accumulate: batches a step.
    """
    sums: dict[str, Tensor] = {}
    count = 0
    while group := list(islice(batches, accumulate)):
        before_step(count, len(group))
        count += len(group)
        for terms in step(group):
            for name, value in terms.items():  # added on the device: the loop never waits for a figure
                sums[name] = sums.get(name, torch.zeros((), device=value.device)) + value
    return {name: float(total) / max(1, count) for name, total in sums.items()}


def _build(
    config: RunConfig,
    data: TrainingData,
    fabric: Fabric,
    initial: dict[str, Tensor] | None,
    options: TrainOptions,
) -> _Setup:
    labelled = np.flatnonzero(data.clips.has_mask[data.train_rows].any(axis=0))
    objective = Objective(config, labelled_frames=int(labelled.max()) + 1)
    if initial is not None:
        objective.model.load_state_dict(initial, strict=False)
    synchronise_batch_norm(objective, fabric.device)
    objective.model.checkpointing = options.checkpointing
    eager_context: Callable[[], AbstractContextManager[Any]] = nullcontext
    if options.compile:
        objective.model.compile()
        # for validation and odd batches, compiling takes longer than going without
        eager_context = functools.partial(torch.compiler.set_stance, "force_eager")
    optimizer = torch.optim.Adam(objective.parameter_groups(config.lr, config.heads_lr), fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    wrapped, placed = fabric.setup(objective, optimizer)
    return _Setup(objective, wrapped, placed, rates, eager_context)


def _restore(
    resume: ResumeState, setup: _Setup, fabric: Fabric, log: Log | None, say: Callable[[str], None]
) -> Progress:
    progress = Progress()
    if (state := resume.load()) is not None:
        setup.objective.load_state_dict(state["objective"])
        setup.optimizer.load_state_dict(state["optimizer"])
        fabric.strategy.precision.load_state_dict(state["precision"])
        progress = Progress(**state["progress"])
        if fabric.is_global_zero:
            progress.replay(log)
            say(f"continues after epoch {progress.epoch} of an interrupted run with the same fingerprint")
    for group, rate in zip(setup.optimizer.param_groups, setup.rates, strict=True):
        group.update(lr=rate, capturable=False)  # whatever the interrupted run had
    return progress


def _step(
    setup: _Setup, config: RunConfig, fabric: Fabric, options: TrainOptions, say: Callable[[str], None]
) -> Step:
    step = eager_step(setup.wrapped, setup.optimizer, fabric)
    if not options.cuda_graph:
        return step
    if why := why_no_cuda_graph(fabric, config.precision, options.checkpointing):
        if fabric.is_global_zero:
            say(f"train.cuda_graph: not used: {why}")
        return step
    return CUDAGraphStep(step, setup.optimizer, fabric.device, setup.eager_context)


def _state(setup: _Setup, progress: Progress, fabric: Fabric) -> dict[str, Any]:
    return {
        "objective": setup.objective.state_dict(),
        "optimizer": setup.optimizer.state_dict(),
        "precision": fabric.strategy.precision.state_dict(),  # the loss scale of 16-mixed
        "progress": vars(progress),
        "config": progress.last["config"],
    }
