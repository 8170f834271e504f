"""Made-up packed data for the benchmarks that need arrays and not pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.params import Model
from pipeline.config.run_config import RunConfig
from pipeline.dataset.clips import ClipDataset


def pack(folder: Path, clips: int, size: int, cropped: int = 0, crop: int = 64) -> ClipDataset:
    """`clips` clips of 5 frames of noise, frame 1 labelled; crops for the first `cropped` of them."""
    make = np.random.default_rng(0)
    labelled = np.zeros((clips, 5), bool)
    labelled[:, 0] = True
    np.save(folder / "labelled.npy", labelled)
    for name, shape in {"frames": (size, size, 3), "masks": (size, size)}.items():
        array = np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(clips, 5, *shape)
        )
        for row in range(clips):
            array[row] = make.integers(0, 256 if name == "frames" else 2, (5, *shape), np.uint8)
        array.flush()
    audio = make.standard_normal((clips, 5, 128)).astype(np.float32)
    if not cropped:
        return ClipDataset(folder, audio)
    np.save(folder / "crops.npy", make.integers(0, 256, (cropped, 5, crop, crop, 3), np.uint8))
    np.save(folder / "present.npy", np.ones((cropped, 5), bool))
    np.save(folder / "boxes.npy", np.tile(np.array([0.25, 0.25, 0.75, 0.75], np.float32), (cropped, 5, 1)))
    return ClipDataset(folder, audio, folder, np.arange(clips) % 2)


def plan(
    backbone: str, size: int, channels: int, batch: int, *, crops: bool = False, **changes: Any
) -> RunConfig:
    """A plan of one epoch on such data."""
    settings: dict[str, Any] = {
        "variant": "proposed" if crops else "baseline",
        "model": Model(backbone=backbone, channels=channels, image_size=size),  # type: ignore[arg-type]
        "loss": {"bce": 1.0} | ({"classification": 0.5, "similarity": 0.5} if crops else {}),
        "categories": ["a", "b"] if crops else [],
        "epochs": 1,
        "batch_size": batch,
        "lr": 1e-4,
        "heads_lr": 1e-4 if crops else None,
        "schedule": "constant",
        "warmup_epochs": 0,
        "precision": "32-true",
        "keep_epochs": [],
        "inputs": {},
    }
    return RunConfig(**{**settings, **changes})
