"""Stage `evaluate`: one checkpoint on the test split, under the true sounds and under others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipeline.batches import Clips
from pipeline.catalog import read_catalog
from pipeline.evaluate import Checkpoint, Evaluation, crop_features, evaluate, load_checkpoint
from pipeline.files import atomic_folder, atomic_path, write_json
from pipeline.overlay import write_strips
from pipeline.params import load_params
from pipeline.progress import show
from pipeline.train import rows_of
from stages.common import AUDIO, CATALOG, CROPS, EVAL, FRAMES, METRICS, MODELS, NEGATIVES, run


def main(variant: str, seed: int) -> None:
    """Evaluate models/VARIANT-SEED/best.pt; write metrics/ and data/eval/.

    Example: python -m stages.evaluate proposed 1
    """
    params, name = load_params(), f"{variant}-{seed}"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    catalog = read_catalog(CATALOG)
    best = load_checkpoint(MODELS / name / "best.pt", device)
    rows = rows_of(catalog["split"].to_numpy(), "test")
    audio = np.load(AUDIO / "features.npy", mmap_mode="r")
    clips = Clips(FRAMES, audio=audio if best.plan.audio else None)
    silent = FRAMES / "silent_masks.npy"
    chosen = np.random.default_rng(params.evaluate.seed).permutation(len(rows))[: params.evaluate.pictures]
    pictured = np.sort(chosen)
    result = evaluate(
        best,
        clips,
        rows,
        catalog["name"].to_numpy(),
        catalog["category"].to_numpy(),
        {path.stem: np.load(path, mmap_mode="r") for path in sorted(NEGATIVES.glob("*.npy"))},
        np.load(silent, mmap_mode="r") if silent.exists() else None,
        device=device,
        batch_size=params.evaluate.batch_size,
        pictured=pictured,
        track=show,
    )
    with atomic_folder(EVAL / name) as folder:
        result.clips.to_csv(folder / "per_clip.csv", index=False)
        result.categories.to_csv(folder / "per_category.csv", index=False)
        result.listening.to_csv(folder / "listening.csv", index=False)
        _pictures(folder / "overlays", clips, rows[pictured], catalog["name"].to_numpy(), result)
        for epoch in best.plan.keep_epochs:
            kept = load_checkpoint(MODELS / name / f"epoch-{epoch}.pt", device)
            _features(folder / f"features-{epoch}.npz", kept, audio, catalog, device)
    figures = {
        "variant": variant,
        "seed": seed,
        "epochs": best.plan.epochs,
        "best_epoch": best.epoch,
        "val_miou": best.val_miou,
        **result.figures,
    }
    write_json(METRICS / f"{name}.json", figures)
    print(f"{name}: M_J {figures['miou']:.4f}  M_F {figures['fscore']:.4f}", flush=True)


def _pictures(folder: Path, clips: Clips, rows: np.ndarray, names: np.ndarray, result: Evaluation) -> None:
    for place, row in enumerate(rows):
        write_strips(
            folder,
            names[row],
            np.asarray(clips.frames[row]),
            np.asarray(clips.masks[row], dtype=bool),
            result.masks["true"][place],
        )


def _features(
    path: Path, kept: Checkpoint, audio: np.ndarray, catalog: pd.DataFrame, device: torch.device
) -> None:
    crops, present = np.load(CROPS / "crops.npy", mmap_mode="r"), np.load(CROPS / "present.npy")
    found = crop_features(kept, crops, present, audio[: len(crops)], device=device)
    row = found.pop("row")
    names = catalog["name"].to_numpy(dtype=str)
    category = catalog["category"].to_numpy(dtype=str)
    labels = {"clip": names[row], "category": category[row]}
    if "audio_embedding" in found:
        labels["audio_clip"] = names[: len(crops)]
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **found, **labels)  # type: ignore[arg-type]


if __name__ == "__main__":
    run(main)
