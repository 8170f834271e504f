"""Six small clips to train on, and the settings of a run on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.params import Model
from pipeline.config.run_config import RunConfig
from pipeline.dataset.clips import ClipDataset
from pipeline.dataset.negative_sampler import NegativeSampler
from pipeline.dataset.training import TrainingData

TRAIN, VAL = np.arange(4), np.arange(4, 6)
HEARS = {"bce": 1.0, "negatives": 0.5}


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


def config_of(variant: str = "baseline", **changes: Any) -> RunConfig:
    """Settings of a run of two epochs on these clips."""
    loss = {"bce": 1.0} | ({"classification": 0.5, "similarity": 0.5} if variant == "proposed" else {})
    settings: dict[str, Any] = {
        "variant": variant,
        "model": Model(backbone="resnet18", channels=8, tpavi_stages=[4], image_size=32),
        "loss": loss,
        "categories": ["dog", "piano"] if variant == "proposed" else [],
        "epochs": 2,
        "batch_size": 2,
        "lr": 0.001,
        "heads_lr": 0.001 if variant == "proposed" else None,
        "schedule": "cosine",
        "warmup_epochs": 1,
        "precision": "32-true",
        "keep_epochs": [1, 2],
        "inputs": {},
    }
    return RunConfig(**{**settings, **changes})


def data_of(config: RunConfig, folder: Path, seed: int) -> TrainingData:
    """The packed clips as the stage hands them to `train`."""
    audio, category = np.load(folder / "audio.npy"), np.array([0, 1] * 3)
    negatives = NegativeSampler(
        audio, np.zeros((1, 2, 128), np.float32), category, TRAIN, share=0.5, copy_paste=0.5, seed=seed
    )
    clips = ClipDataset(
        folder,
        audio,
        folder if config.reads("boxes") else None,
        category,
        negatives if config.reads("negatives") else None,
        folder if config.reads("pseudo_masks") else None,
        crops=config.reads("crops"),
        paste_separately="negatives" not in config.loss,
    )
    return TrainingData(clips, TRAIN, VAL)
