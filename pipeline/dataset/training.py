"""The packed data that a plan trains on, opened: as the data stages left it in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.run_config import RunConfig
from pipeline.data.catalog import read_catalog, rows_of
from pipeline.dataset.clips import ClipDataset
from pipeline.dataset.negative_sampler import NegativeSampler
from pipeline.utils.errors import PipelineError
from pipeline.utils.packed_arrays import open_packed


@dataclass(frozen=True)
class TrainingData:
    """Clips, and which of them train and which validate, as row numbers: (n,) int64."""

    clips: ClipDataset
    train_rows: NDArray[np.int64]
    val_rows: NDArray[np.int64]


def open_training_data(data: Path, plan: RunConfig, seed: int) -> TrainingData:
    """Open what `plan` reads: catalog.parquet, frames/, audio/, crops/, pseudo_masks/ and negatives/.

    Args:
        seed: of the run, which decides the other sounds that it hears.

    Raises `PipelineError` that names a missing or broken file, or a split without clips.
    """
    catalog = read_catalog(data / "catalog.parquet")
    train_rows, val_rows = rows_of(catalog, "train"), rows_of(catalog, "val")
    if not (len(train_rows) and len(val_rows)):
        lacking = "val" if len(train_rows) else "train"
        raise PipelineError(
            f"{data / 'catalog.parquet'}: has no clip in the split {lacking!r}, and training needs train and "
            "val; see the column `split` of the data's own table."
        )
    names = catalog["category"].tolist()
    # -1: a category that only val or test have; never read, since crops are of the train split
    category = np.array([plan.categories.index(c) if c in plan.categories else -1 for c in names])
    audio = open_packed(data / "audio" / "features.npy") if plan.audio else None
    negatives = None
    if plan.loss.other_sounds and audio is not None:
        bank = open_packed(data / "negatives" / "bank" / "sounds.npy")
        negatives = NegativeSampler(
            audio,
            bank,
            names,
            train_rows,
            share=plan.loss.negative_share,
            pasted_share=plan.loss.pasted_share,
            seed=seed,
        )
    clips = ClipDataset(
        data / "frames",
        audio,
        data / "crops" if plan.boxes else None,
        category,
        negatives,
        data / "pseudo_masks" if plan.loss.outlines > 0 else None,
        crops=plan.loss.heads,
        pasted_apart=plan.loss.negatives == 0,
    )
    return TrainingData(clips, train_rows, val_rows)
