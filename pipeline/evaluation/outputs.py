"""Files of one evaluation: tables, and pictures of test clips under every audio condition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.data.catalog import rows_of
from pipeline.dataset.clips import ClipDataset
from pipeline.dataset.evaluation import EvaluationData
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.overlay import write_strips
from pipeline.evaluation.tables import listening_json
from pipeline.utils.files import write_json


def write_tables(folder: Path, result: Evaluation) -> None:
    """Write per_clip.csv, per_category.csv, listening.csv and listening.json."""
    result.clips.to_csv(folder / "per_clip.csv", index=False)
    result.categories.to_csv(folder / "per_category.csv", index=False)
    result.listening.to_csv(folder / "listening.csv", index=False)
    write_json(folder / "listening.json", listening_json(result.listening))


def write_overlays(
    folder: Path, result: Evaluation, data: EvaluationData, split: str, pictured: NDArray
) -> None:
    """Write the masks of each pictured clip under every condition that the clip has.

    Args:
        folder: where the pictures go.
        result: of `evaluate` on that split, with the masks of the pictured clips.
        data: the clips' frames and true masks.
        split: the split that was evaluated.
        pictured: positions within the split, as given to `evaluate`.
    """
    clips = ClipDataset(data.frames)
    rows, table = rows_of(data.catalog, split)[pictured], result.clips.iloc[pictured].to_dict("records")
    for place, (row, scores) in enumerate(zip(rows, table, strict=True)):
        others = {
            condition: masks[place]
            for condition, masks in result.masks.items()
            if condition != "true" and pd.notna(scores[f"miou_{condition}"])
        }
        write_strips(
            folder,
            str(scores["name"]),
            np.asarray(clips.frames[row]),
            np.asarray(clips.masks[row], dtype=bool),
            result.masks["true"][place],
            others,
        )
