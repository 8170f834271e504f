"""Evaluation of one checkpoint on one split: M_J and M_F under the true audio, and the negative-audio test.

The visual features of a clip are computed once; each audio condition costs only TPAVI and the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pipeline.checkpoint.load import Checkpoint
from pipeline.data.catalog import rows_of
from pipeline.dataset.clips import ClipDataset, normalise
from pipeline.dataset.evaluation import EvaluationData
from pipeline.dataset.loader import prefetch
from pipeline.evaluation.condition_scores import ConditionScores
from pipeline.evaluation.tables import SWAP_CONDITION, by_category, flat_figures, listening_table
from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import Track, no_progress


@dataclass(frozen=True)
class Evaluation:
    """Results of one checkpoint on one split.

    Attributes:
        figures: flat figures for metrics JSON.
        clips: one row per clip: name, category, miou, and miou_{condition} for every other sound.
        categories: one row per category: clips, miou, fscore and what the other sounds change.
        listening: one row per condition over all clips, and one for each category.
        masks: by condition ("true": the clips' own sound), (pictures, T, H, W) bool of the pictured clips.
    """

    figures: dict[str, float]
    clips: pd.DataFrame
    categories: pd.DataFrame
    listening: pd.DataFrame
    masks: dict[str, NDArray[np.bool_]]


@torch.no_grad()
def evaluate(
    checkpoint: Checkpoint,
    data: EvaluationData,
    split: str,
    *,
    device: torch.device,
    batch_size: int,
    pictured: NDArray | None = None,
    track: Track = no_progress,
) -> Evaluation:
    """Evaluate a checkpoint on one split, under the true audio and every condition that the data holds.

    Args:
        checkpoint: the trained model.
        data: packed clips, every frame of the split with a mask.
        split: train, val or test.
        device: where the model is.
        batch_size: clips.
        pictured: positions within the split of the clips whose masks are kept; None: of no clip.
        track: shows progress.

    Raises:
        PipelineError: the split has no clip or a frame without a mask, or the frames are of another size
            than the checkpoint was trained with.
    """
    rows, segmenter = rows_of(data.catalog, split), checkpoint.model
    clips = ClipDataset(data.frames, audio=data.audio if checkpoint.config.audio else None)
    _check(checkpoint, data, split, clips)
    pictured = np.arange(0) if pictured is None else pictured
    true, others = ConditionScores(), {condition: ConditionScores() for condition in data.sounds}
    groups = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    first = 0
    for group, batch in zip(track(groups, len(groups), "evaluate"), prefetch(clips, groups), strict=True):
        batch = batch.to(device)
        kept = pictured[(pictured >= first) & (pictured < first + len(group))] - first
        first += len(group)
        encoded = segmenter.encode(normalise(batch.frames))
        probability = segmenter.decode(encoded, batch.audio).logits.float().sigmoid()
        true.update_true(probability, batch.masks)
        true.keep_masks(probability, kept)
        for condition, scores in others.items():
            audio = torch.from_numpy(np.array(data.sounds[condition][group], dtype=np.float32)).to(device)
            missing = audio.isnan().flatten(1).any(1)
            other = probability  # a model without audio predicts the same masks under any sound
            if batch.audio is not None:
                other = segmenter.decode(encoded, audio.nan_to_num(0)).logits.float().sigmoid()
            silent_object = None
            if condition == SWAP_CONDITION and data.silent_object_masks is not None:
                silent_object = torch.from_numpy(np.array(data.silent_object_masks[group])).to(device)
            scores.update_other(other, batch.masks, probability, missing, silent_object)
            scores.keep_masks(other, kept)
    table = _clip_table(data.names[rows], data.categories[rows], true, others)
    listening = listening_table(table, list(others))
    return Evaluation(
        figures=flat_figures(table, true.fscore_curves, listening),
        clips=table,
        categories=by_category(table, true.fscore_curves),
        listening=listening,
        masks={condition: scores.masks for condition, scores in {"true": true, **others}.items()},
    )


def _check(checkpoint: Checkpoint, data: EvaluationData, split: str, clips: ClipDataset) -> None:
    rows = rows_of(data.catalog, split)
    if not len(rows):
        raise PipelineError(f"{data.frames.parent}: has no clip in the split {split!r}.")
    if not (whole := clips.has_mask[rows].all(axis=1)).all():
        raise PipelineError(
            f"{data.frames.parent}: {data.names[rows[~whole][0]]}, of the split {split!r}, has frames "
            "without a mask, and every frame is scored; choose another split."
        )
    if (side := clips.frames.shape[2]) != checkpoint.config.model.image_size:
        raise PipelineError(
            f"{data.frames}: frames of {side} pixels, and {checkpoint.config.variant} was trained with "
            f"{checkpoint.config.model.image_size}; make them with that `model.image_size`."
        )


def _clip_table(
    names: NDArray, categories: NDArray, true: ConditionScores, others: Mapping[str, ConditionScores]
) -> pd.DataFrame:
    """One row per clip, as per_clip.csv has it."""
    table = pd.DataFrame({"name": names, "category": categories, **true.compute()})
    swap_passed = None
    for condition, scores in others.items():
        columns = scores.compute()
        swap_passed = columns.pop("swap_passed", swap_passed)
        for key, values in columns.items():
            table[f"{key}_{condition}"] = values
    if swap_passed is not None:
        table["swap_passed"] = swap_passed
    if "miou_other_category" in table:
        # the name that metrics/*.json promises for M_J under another category's sound
        table["swapped_miou"] = table["miou_other_category"]
    return table
