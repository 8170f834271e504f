"""Stage `evaluate`: one checkpoint on the test split, under the true sounds and under others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipeline.checkpoint.load import Checkpoint, load_checkpoint
from pipeline.config.params import load_params
from pipeline.config.paths import CATALOG, CROPS, EVAL, FRAMES, METRICS, MODELS
from pipeline.data.catalog import rows_of
from pipeline.dataset.clips import ClipDataset
from pipeline.dataset.evaluation import EvaluationData, read_evaluation_data
from pipeline.evaluation.evaluate import Evaluation, crop_features, evaluate_split
from pipeline.evaluation.overlay import write_strips
from pipeline.evaluation.tables import listening_json
from pipeline.utils.files import atomic_folder, atomic_path, write_json
from pipeline.utils.progress import show
from stages.common import run


def main(variant: str, seed: int) -> None:
    """Evaluate models/VARIANT-SEED/best.pt; write metrics/ and data/eval/.

    Example: python -m stages.evaluate proposed 1
    """
    params, name = load_params(), f"{variant}-{seed}"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    best = load_checkpoint(MODELS / name / "best.pt", device)
    world = read_evaluation_data(CATALOG.parent)
    rows = rows_of(world.catalog, "test")
    chosen = np.random.default_rng(params.evaluate.seed).permutation(len(rows))[: params.evaluate.pictures]
    pictured = np.sort(chosen)
    result = evaluate_split(
        best,
        world,
        "test",
        device=device,
        batch_size=params.evaluate.batch_size,
        pictures=pictured,
        track=show,
    )
    figures = {
        "variant": variant,
        "seed": seed,
        "epochs": best.plan.epochs,
        "best_epoch": best.epoch,
        "val_miou": best.val_miou,
        **result.figures,
    }
    with atomic_folder(EVAL / name) as folder:
        write_json(folder / "figures.json", figures)  # metrics/ has them for git, the report reads them here
        result.clips.to_csv(folder / "per_clip.csv", index=False)
        result.categories.to_csv(folder / "per_category.csv", index=False)
        result.listening.to_csv(folder / "listening.csv", index=False)
        write_json(folder / "listening.json", listening_json(result.listening))
        _pictures(folder / "overlays", rows[pictured], result, pictured)
        for epoch in best.plan.keep_epochs:
            kept = load_checkpoint(MODELS / name / f"epoch-{epoch}.pt", device)
            _features(folder / f"features-{epoch}.npz", kept, world, device)
    write_json(METRICS / f"{name}.json", figures)
    print(f"{name}: M_J {figures['miou']:.4f}  M_F {figures['fscore']:.4f}", flush=True)


def _pictures(folder: Path, rows: np.ndarray, result: Evaluation, pictured: np.ndarray) -> None:
    """The masks of each pictured clip under every sound that the clip has."""
    clips = ClipDataset(FRAMES)
    for place, (row, scores) in enumerate(
        zip(rows, result.clips.iloc[pictured].to_dict("records"), strict=True)
    ):
        write_strips(
            folder,
            str(scores["name"]),
            np.asarray(clips.frames[row]),
            np.asarray(clips.masks[row], dtype=bool),
            result.masks["true"][place],
            {
                condition: masks[place]
                for condition, masks in result.masks.items()
                if condition != "true" and pd.notna(scores[f"miou_{condition}"])
            },
        )


def _features(path: Path, kept: Checkpoint, world: EvaluationData, device: torch.device) -> None:
    crops, present = np.load(CROPS / "crops.npy", mmap_mode="r"), np.load(CROPS / "present.npy")
    found = crop_features(kept, crops, present, world.audio[: len(crops)], device=device)
    row = found.pop("row")
    names, category = world.names.astype(str), world.categories.astype(str)
    labels = {"clip": names[row], "category": category[row]}
    if "audio_embedding" in found:
        labels["audio_clip"], labels["audio_category"] = names[: len(crops)], category[: len(crops)]
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **found, **labels)  # type: ignore[arg-type]


if __name__ == "__main__":
    run(main)
