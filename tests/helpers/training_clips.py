"""Six small clips to train on, and the settings of a run on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.params import Model
from pipeline.config.run_config import LossWeights, RunConfig
from pipeline.dataset.clips import ClipDataset
from pipeline.dataset.negative_sampler import NegativeSampler

TRAIN, VAL = np.arange(4), np.arange(4, 6)
HEARS = LossWeights(negatives=0.5, negative_share=0.5, pasted_share=0.5)


class Figures:
    """A log that keeps the figures of each epoch."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = [{}]

    def log_metric(self, name: str, val: float) -> None:
        self.epochs[-1][name] = val

    def next_step(self) -> None:
        self.epochs.append({})


def write_clips(folder: Path) -> Path:
    """Six clips of 32 pixels in `folder`; crops of the first four, which are the train split."""
    make = np.random.default_rng(0)
    np.save(folder / "frames.npy", make.integers(0, 256, (6, 2, 32, 32, 3), np.uint8))
    np.save(folder / "masks.npy", make.integers(0, 2, (6, 2, 32, 32), np.uint8))
    np.save(folder / "labelled.npy", np.ones((6, 2), bool))
    np.save(folder / "crops.npy", make.integers(0, 256, (4, 2, 32, 32, 3), np.uint8))
    np.save(folder / "present.npy", np.ones((4, 2), bool))
    np.save(folder / "boxes.npy", np.tile(np.array([0.25, 0.25, 0.75, 0.75], np.float32), (4, 2, 1)))
    np.save(folder / "pseudo_masks.npy", make.integers(0, 3, (4, 2, 32, 32), np.uint8))
    np.save(folder / "audio.npy", make.standard_normal((6, 2, 128)).astype(np.float32))
    return folder


def plan_of(variant: str = "baseline", **changes: Any) -> RunConfig:
    heads = variant == "proposed"
    settings: dict[str, Any] = {
        "variant": variant,
        "model": Model(backbone="resnet18", channels=8, tpavi_stages=[4], image_size=32),
        "loss": LossWeights(classification=0.5, similarity=0.5) if heads else LossWeights(),
        "categories": ["dog", "piano"] if heads else [],
        "epochs": 2,
        "batch_size": 2,
        "lr": 0.001,
        "heads_lr": 0.001 if heads else None,
        "schedule": "cosine",
        "warmup_epochs": 1,
        "precision": "32-true",
        "keep_epochs": [1, 2],
        "inputs": {},
    }
    return RunConfig(**{**settings, **changes})


def clips_of(plan: RunConfig, data: Path, seed: int) -> ClipDataset:
    """The packed clips as the stage hands them to `train`."""
    audio, category = np.load(data / "audio.npy"), np.array([0, 1] * 3)
    other = NegativeSampler(
        audio, np.zeros((1, 2, 128), np.float32), category, TRAIN, share=0.5, pasted_share=0.5, seed=seed
    )
    return ClipDataset(
        data,
        audio,
        data if plan.boxes else None,
        category,
        other if plan.loss.other_sounds else None,
        data if plan.loss.outlines > 0 else None,
        crops=plan.loss.heads,
        pasted_apart=plan.loss.negatives == 0,
    )
