"""DVC stage: one checkpoint on the test split, under the true audio and under the other conditions."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.checkpoint.load import load_checkpoint
from pipeline.config.params import load_params
from pipeline.config.paths import CROPS, DATA, EVAL, METRICS, MODELS
from pipeline.data.catalog import rows_of
from pipeline.dataset.evaluation import read_evaluation_data
from pipeline.evaluation.crop_features import write_crop_features
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.outputs import write_overlays, write_tables
from pipeline.utils.files import atomic_folder, write_json
from pipeline.utils.progress import show
from stages.common import run


def main(variant: str, seed: int) -> None:
    """Evaluate models/VARIANT-SEED/best.pt; write metrics/ and data/eval/.

    Example: python -m stages.evaluate proposed 1
    """
    params, name = load_params().evaluate, f"{variant}-{seed}"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    best = load_checkpoint(MODELS / name / "best.pt", device)
    data = read_evaluation_data(DATA)
    shuffled = np.random.default_rng(params.seed).permutation(len(rows_of(data.catalog, "test")))
    pictured = np.sort(shuffled[: params.pictures])
    result = evaluate(
        best, data, "test", device=device, batch_size=params.batch_size, pictured=pictured, track=show
    )
    figures = {
        "variant": variant,
        "seed": seed,
        "epochs": best.config.epochs,
        "best_epoch": best.epoch,
        "val_miou": best.val_miou,
        **result.figures,
    }
    with atomic_folder(EVAL / name) as folder:
        write_json(folder / "figures.json", figures)  # metrics/ has them for git, the report reads them here
        write_tables(folder, result)
        write_overlays(folder / "overlays", result, data, "test", pictured)
        for epoch in best.config.keep_epochs:
            kept = load_checkpoint(MODELS / name / f"epoch-{epoch}.pt", device)
            write_crop_features(folder / f"features-{epoch}.npz", kept, data, CROPS, device=device)
    write_json(METRICS / f"{name}.json", figures)
    print(f"{name}: M_J {figures['miou']:.4f}  M_F {figures['fscore']:.4f}", flush=True)


if __name__ == "__main__":
    run(main)
