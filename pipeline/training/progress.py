"""Progress of a run: figures by epoch, and the checkpoints that are kept."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from pipeline.config.run_config import RunConfig
from pipeline.training.objective import Objective
from pipeline.utils.files import atomic_path


class Log(Protocol):
    """Where the figures of each epoch go; dvclive's `Live` fits."""

    def log_metric(self, name: str, val: float) -> None:
        """Take one figure of the current epoch."""

    def next_step(self) -> None:
        """End the epoch."""


@dataclass
class Progress:
    """What a run has reached: plain values and tensors, so that a resume file can hold it.

    Attributes:
        epoch: the last one that ended; 0 before the first.
        history: figures by epoch.
        best: the checkpoint with the highest score.
        last: the checkpoint of the last epoch.
        kept: checkpoints of `RunConfig.keep_epochs`, by epoch.
    """

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, epoch: int, figures: dict[str, float], objective: Objective, config: RunConfig) -> None:
        """Take in an epoch that has ended."""
        self.epoch = epoch
        self.history.append(figures)
        self.last = checkpoint(objective.model, objective.heads, config, epoch, figures)
        if not self.best or self.last["score"] > self.best["score"]:
            self.best = self.last
        if epoch in config.keep_epochs:
            self.kept[str(epoch)] = self.last

    def report(self, log: Log | None, say: Callable[[str], None], epochs: int) -> None:
        """Log the last epoch's figures and say them in a line."""
        figures = self.history[-1]
        _log(log, figures)
        shown = "  ".join(f"{name.removeprefix('train/')} {value:.4f}" for name, value in figures.items())
        say(f"epoch {self.epoch}/{epochs}  {shown}")

    def replay(self, log: Log | None) -> None:
        """Log the figures of all epochs again."""
        for figures in self.history:
            _log(log, figures)

    def write(self, out: Path) -> None:
        """Write best.pt, last.pt and epoch-{e}.pt into `out`."""
        kept = {f"epoch-{epoch}": content for epoch, content in self.kept.items()}
        for name, content in {"best": self.best, "last": self.last, **kept}.items():
            packed = io.BytesIO()  # torch.save writes a file's own name into it: equal weights, equal bytes
            torch.save(content, packed)
            with atomic_path(out / f"{name}.pt") as temporary:
                temporary.write_bytes(packed.getbuffer())


def checkpoint(
    model: nn.Module, heads: nn.Module | None, config: RunConfig, epoch: int, figures: dict[str, float]
) -> dict[str, Any]:
    """What a checkpoint file holds: weights, the config they were trained by, epoch and validation figures.

    `score` decides which is best: M_J as published; G-mIoU where training uses negative audio, since by M_J
    alone a model that has not begun to listen may win.
    """
    return {
        "model": _copy(model),
        "heads": None if heads is None else _copy(heads),
        "config": config.model_dump(mode="json"),
        "epoch": epoch,
        "val_miou": figures["val/miou"],
        "score": figures.get("val/g_miou", figures["val/miou"]),
    }


def _copy(module: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.cpu().clone() for key, value in module.state_dict().items()}


def _log(log: Log | None, figures: dict[str, float]) -> None:
    if log is None:
        return
    for name, value in figures.items():
        log.log_metric(name, value)
    log.next_step()
