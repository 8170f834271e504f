"""Training one variant with one seed: reads like a table of contents.

Lightning Fabric places the model and the batches (CPU or GPU, precision, processes); the loop stands here.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config.run_config import RunConfig
from pipeline.dataset.augment import augment
from pipeline.dataset.clips import Batch, ClipDataset, normalise
from pipeline.dataset.loader import epoch_batches, prefetch
from pipeline.metrics.listening import g_miou
from pipeline.metrics.segmentation import iou_per_frame
from pipeline.model import AVSModel
from pipeline.ops.distributed import synchronise_batch_norm
from pipeline.training.objective import Objective
from pipeline.training.resume import ResumeState
from pipeline.training.seed import seed_everything
from pipeline.training.step import CUDAGraphStep, Step, eager_step, set_rates, why_no_cuda_graph
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_path


class Log(Protocol):
    """Where the figures of each epoch go: dvclive's `Live` fits."""

    def log_metric(self, name: str, val: float) -> None: ...

    def next_step(self) -> None: ...


def learning_rate_factor(done: float, plan: RunConfig) -> float:
    """The factor on the learning rates after `done` epochs: a linear warm-up, then constant or half a cosine.

    `done` counts parts of epochs: the rate changes from step to step.
    """
    if done < plan.warmup_epochs:
        return done / plan.warmup_epochs
    if plan.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (done - plan.warmup_epochs) / (plan.epochs - plan.warmup_epochs)))


@torch.no_grad()
def validate(
    segmenter: AVSModel, fabric: Fabric, clips: ClipDataset, rows: NDArray, batch_size: int
) -> dict[str, float]:
    """Figures over the labelled frames of the clips at `rows`, which the processes share out.

    Returns:
        `val/miou`, M_J; where training hears other sounds, `val/miou_other` as well, M_J under a sound of
        another category against the same truth, and `val/g_miou`, their G-mIoU.
    """
    segmenter.eval()
    mine = rows[fabric.global_rank :: fabric.world_size]
    groups = [mine[i : i + batch_size] for i in range(0, len(mine), batch_size)]
    # frames, the sum of their IoU under the true sound, and under another one
    total = torch.zeros(3, dtype=torch.float64, device=fabric.device)
    for batch in prefetch(clips, groups):
        batch = batch.to(fabric.device)
        sounds = [batch.audio]
        if clips.negatives is not None:
            other = clips.negatives.unlike(batch.rows.numpy())
            sounds.append(torch.from_numpy(other).to(fabric.device))
        total[0] += batch.labelled.sum()
        for place, sound in enumerate(sounds, start=1):
            with fabric.autocast():
                logits = segmenter(normalise(batch.frames), sound).logits
            iou = iou_per_frame(logits.float().sigmoid()[batch.labelled], batch.masks[batch.labelled])
            total[place] += iou.double().sum()
    segmenter.train()
    whole = fabric.all_reduce(total, reduce_op="sum")
    assert isinstance(whole, Tensor)
    frames, true, other = whole.tolist()
    figures = {"val/miou": true / frames}
    if clips.negatives is not None:
        figures |= {"val/miou_other": other / frames, "val/g_miou": g_miou(true / frames, other / frames)}
    return figures


def train_epoch(
    step: Step, batches: Iterator[Batch], before_step: Callable[[int, int], None], accumulate: int = 1
) -> dict[str, float]:
    """One pass over the training clips; the mean of each loss term, by name.

    Each step follows the mean gradient of `accumulate` batches; the last one that of those that are left.

    Args:
        step: takes a step on some batches.
        batches: on the device, already augmented.
        before_step: called with the number of batches done in this epoch, and of those in the step.
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


def checkpoint(
    segmenter: AVSModel, heads: Any, plan: RunConfig, epoch: int, figures: dict[str, float]
) -> dict[str, Any]:
    """What a checkpoint file holds: weights, the plan they were trained by, epoch and validation figures.

    `score` is what the best checkpoint has most of: M_J as published; G-mIoU where training hears other
    sounds, since by M_J alone a model that has not begun to listen may win.
    """
    return {
        "segmenter": {key: value.cpu().clone() for key, value in segmenter.state_dict().items()},
        "heads": None
        if heads is None
        else {key: value.cpu().clone() for key, value in heads.state_dict().items()},
        "plan": plan.model_dump(mode="json"),
        "epoch": epoch,
        "val_miou": figures["val/miou"],
        "score": figures.get("val/g_miou", figures["val/miou"]),
    }


def train(
    plan: RunConfig,
    seed: int,
    clips: ClipDataset,
    train_rows: NDArray,
    val_rows: NDArray,
    out: Path,
    *,
    resume: ResumeState,
    log: Log | None,
    say: Callable[[str], None],
    fabric: Fabric,
    initial: dict[str, Tensor] | None = None,
    checkpointing: bool = False,
    compiled: bool = False,
    captured: bool = False,
    on_batch: Callable[[], None] = lambda: None,
) -> None:
    """Train and write `out`/best.pt, last.pt and epoch-{e}.pt for each e in `plan.keep_epochs`.

    All processes of `fabric` call it; the first alone writes files, logs and says something.

    Args:
        initial: a state dict of the segmenter to start from (pretrained backbone or another checkpoint).
        log: gets each epoch's figures; None: nobody does.
        say: gets one line an epoch.
        checkpointing: compute activations twice instead of keeping them: the same result in less memory.
        compiled: run the network's parts through torch.compile.
        captured: run a step as one CUDA graph, where it can be one; else it is said why not.
        on_batch: called at each batch, for a progress bar.

    Raises `PipelineError` where the loss becomes infinite or NaN.
    """
    seed_everything(seed)
    labelled = np.flatnonzero(clips.labelled[train_rows].any(axis=0))
    objective = Objective(plan, labelled_frames=int(labelled.max()) + 1)
    if initial is not None:
        objective.segmenter.load_state_dict(initial, strict=False)
    synchronise_batch_norm(objective, fabric.device)
    segmenter, heads = objective.segmenter, objective.heads
    segmenter.checkpointing = checkpointing
    rarely: Callable[[], AbstractContextManager[Any]] = nullcontext
    if compiled:
        segmenter.compile()
        # for validation and odd batches it takes longer to compile than to go without
        rarely = functools.partial(torch.compiler.set_stance, "force_eager")
    optimizer = torch.optim.Adam(objective.parameter_groups(plan.lr, plan.heads_lr), fused=True)
    base_rates = [group["lr"] for group in optimizer.param_groups]
    wrapped, optimizer = fabric.setup(objective, optimizer)

    start, best, kept = 1, None, {}
    if (state := resume.load()) is not None:
        objective.load_state_dict(state["objective"])
        optimizer.load_state_dict(state["optimizer"])
        start, best, kept = state["epoch"] + 1, state["best"], state["kept"]
        fabric.strategy.precision.load_state_dict(state["precision"])
        if fabric.is_global_zero:
            for figures in state["history"]:
                _log(log, figures)
            say(f"goes on after epoch {state['epoch']} of an interrupted run with the same fingerprint")
    for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
        group.update(lr=rate, capturable=False)  # whatever the interrupted run had
    step = eager_step(wrapped, optimizer, fabric)
    if captured and (why := why_no_cuda_graph(fabric, plan.precision, checkpointing)):
        if fabric.is_global_zero:
            say(f"train.cuda_graph: not used: {why}")
    elif captured:
        step = CUDAGraphStep(step, optimizer, fabric.device, rarely)
    history: list[dict[str, float]] = list(state["history"]) if state else []
    last: dict[str, Any] = state["last"] if state else {}

    for epoch in range(start, plan.epochs + 1):
        seed_everything(seed, epoch, fabric.global_rank)  # so a resumed run draws as one without a break
        wrapped.train()
        groups = epoch_batches(
            train_rows, plan.batch_size, seed, epoch, rank=fabric.global_rank, world=fabric.world_size
        )
        read = prefetch(clips, groups, epoch=epoch, pin=fabric.device.type == "cuda")
        batches = (augment(batch.to(fabric.device), plan.augment, seed, epoch) for batch in read)

        def before_step(done: int, taken: int, epoch: int = epoch, batches: int = len(groups)) -> None:
            # the rate of the last of the step's batches
            factor = learning_rate_factor(epoch - 1 + (done + taken - 0.5) / batches, plan)
            set_rates(optimizer, [rate * factor for rate in base_rates])
            for _ in range(taken):
                on_batch()

        means = train_epoch(step, batches, before_step, plan.accumulate)
        if not all(map(math.isfinite, means.values())):
            raise PipelineError(_diverged(f"{plan.variant}-{seed}", epoch, means))
        figures = {f"train/{name}": value for name, value in means.items()}
        with rarely():
            figures |= validate(segmenter, fabric, clips, val_rows, plan.batch_size)
        if not fabric.is_global_zero:
            continue
        history.append(figures)
        _log(log, figures)
        shown = "  ".join(f"{name.removeprefix('train/')} {value:.4f}" for name, value in figures.items())
        say(f"epoch {epoch}/{plan.epochs}  {shown}")

        last = checkpoint(segmenter, heads, plan, epoch, figures)
        if best is None or last["score"] > best["score"]:
            best = last
        if epoch in plan.keep_epochs:
            kept[str(epoch)] = last
        resume.save(
            {
                "objective": objective.state_dict(),
                "optimizer": optimizer.state_dict(),
                "plan": last["plan"],
                "epoch": epoch,
                "best": best,
                "last": last,
                "kept": kept,
                "history": history,
                "precision": fabric.strategy.precision.state_dict(),  # the loss scale of 16-mixed
            }
        )

    if not fabric.is_global_zero:
        return
    for name, content in {"best": best, "last": last, **{f"epoch-{e}": c for e, c in kept.items()}}.items():
        packed = io.BytesIO()  # torch.save writes a file's own name into it: equal weights, equal bytes
        torch.save(content, packed)
        with atomic_path(out / f"{name}.pt") as temporary:
            temporary.write_bytes(packed.getbuffer())
    resume.clear()


def _diverged(run: str, epoch: int, means: dict[str, float]) -> str:
    terms = ", ".join(f"{name} {value:.4g}" for name, value in means.items() if name != "loss")
    return f"{run}: the loss is not finite in epoch {epoch} ({terms}); lower train.lr or a weight in loss."


def _log(log: Log | None, figures: dict[str, float]) -> None:
    if log is None:
        return
    for name, value in figures.items():
        log.log_metric(name, value)
    log.next_step()
