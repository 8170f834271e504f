"""Training data: the packed arrays that a run config names, opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config.inputs import input_files
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


def open_training_data(data: Path, config: RunConfig, seed: int) -> TrainingData:
    """Open the inputs of a run, and no others: those that its digests cover.

    Args:
        data: the folder that the data stages wrote.
        config: of the run.
        seed: of the run, which decides its negative audio.

    Raises:
        PipelineError: names a missing or broken file, or a split without clips.
    """
    catalog = read_catalog(data / "catalog.parquet")
    train_rows, val_rows = rows_of(catalog, "train"), rows_of(catalog, "val")
    if not (len(train_rows) and len(val_rows)):
        empty = "val" if len(train_rows) else "train"
        raise PipelineError(
            f"{data / 'catalog.parquet'}: has no clip in the split {empty!r}, and training needs train and "
            "val; see the column `split` of the data's own table."
        )

    def folder(name: str) -> Path | None:
        return input_files(data, name)[0].parent if name in config.inputs else None

    audio = open_packed(input_files(data, "audio")[0]) if "audio" in config.inputs else None
    clips = ClipDataset(
        input_files(data, "frames")[0].parent,
        audio,
        folder("boxes"),
        _class_indices(catalog, config.categories),
        _sampler(data, config, catalog, audio, train_rows, seed),
        folder("pseudo_masks"),
        crops="crops" in config.inputs,
        paste_separately="negatives" not in config.loss,
    )
    return TrainingData(clips, train_rows, val_rows)


def _class_indices(catalog: pd.DataFrame, categories: list[str]) -> NDArray[np.int64]:
    """Each clip's class, (N,); -1, which is never read, for a category that only val or test have."""
    index = {category: number for number, category in enumerate(categories)}
    return np.array([index.get(category, -1) for category in catalog["category"]])


def _sampler(
    data: Path,
    config: RunConfig,
    catalog: pd.DataFrame,
    audio: NDArray | None,
    train_rows: NDArray,
    seed: int,
) -> NegativeSampler | None:
    if config.negatives is None or audio is None:
        return None
    return NegativeSampler(
        audio,
        open_packed(input_files(data, "negatives")[0]),
        catalog["category"].tolist(),
        train_rows,
        share=config.negatives.share,
        copy_paste=config.negatives.copy_paste,
        seed=seed,
    )
