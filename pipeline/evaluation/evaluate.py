"""Evaluation of one checkpoint: M_J and M_F under the true sounds, and the listening test under others.

The visual features of a clip are computed once; each sound costs only TPAVI and the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.checkpoint.load import Checkpoint
from pipeline.data.catalog import rows_of
from pipeline.dataset.clips import ClipDataset, normalise
from pipeline.dataset.evaluation import EvaluationData
from pipeline.dataset.loader import prefetch
from pipeline.evaluation.tables import SWAP, by_category, flat_figures, listening_table
from pipeline.metrics.listening import false_positive_area, sensitivity, swap_passed
from pipeline.metrics.segmentation import fscore_curves, iou_per_frame
from pipeline.model import Encoded
from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import Track, no_progress


@dataclass(frozen=True)
class Evaluation:
    """What one checkpoint does on one split.

    Attributes:
        figures: flat figures for metrics JSON.
        clips: a row a clip: name, category, miou, and miou_{condition} for every other sound.
        categories: a row a category: clips, miou, fscore and what the sounds change.
        listening: a row a condition over all clips, and one for each category.
        masks: (n, T, H, W) bool, predicted under the true sound; by condition, the others' for pictures.
    """

    figures: dict[str, float]
    clips: pd.DataFrame
    categories: pd.DataFrame
    listening: pd.DataFrame
    masks: dict[str, NDArray[np.bool_]]


@torch.no_grad()
def evaluate(
    checkpoint: Checkpoint,
    clips: ClipDataset,
    rows: NDArray,
    names: NDArray,
    categories: NDArray,
    sounds: Mapping[str, NDArray],
    silent_masks: NDArray | None,
    *,
    device: torch.device,
    batch_size: int,
    pictured: NDArray,
    track: Track = no_progress,
) -> Evaluation:
    """Evaluate the clips at `rows` (all of whose frames are labelled).

    Args:
        names, categories: (N,) of the catalogue.
        sounds: by condition, (N, T, 128) features; NaN where a clip lacks the condition.
        silent_masks: (N, T, H, W) truth of the silent visible object for the swap test, or None.
        pictured: positions within `rows` of the clips whose masks are kept.
    """
    ious: dict[str, list[Tensor]] = {"true": []}
    areas: dict[str, list[Tensor]] = {}
    changes: dict[str, list[Tensor]] = {}
    curves: list[Tensor] = []
    passed: list[Tensor] = []
    kept: dict[str, list[NDArray]] = {"true": []}
    groups = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    done = 0
    for group, batch in zip(track(groups, len(groups), "evaluate"), prefetch(clips, groups), strict=True):
        batch = batch.to(device)
        wanted = pictured[(pictured >= done) & (pictured < done + len(group))] - done
        done += len(group)
        encoded = checkpoint.segmenter.encode(normalise(batch.frames))
        truth, frames = batch.masks.flatten(0, 1), batch.masks.shape[1]

        def segment(audio: Tensor | None, encoded: Encoded = encoded) -> Tensor:
            return checkpoint.segmenter.decode(encoded, audio).logits.float().sigmoid().flatten(0, 1)

        probability = segment(batch.audio)
        own = probability > 0.5
        ious["true"].append(iou_per_frame(probability, truth).unflatten(0, (-1, frames)).mean(1))
        curves.append(fscore_curves(probability, truth).unflatten(0, (-1, frames)))
        kept["true"].append(own.unflatten(0, (-1, frames))[wanted].cpu().numpy())
        for condition, features in sounds.items():
            audio = torch.from_numpy(np.array(features[group], dtype=np.float32)).to(device)
            lacking = audio.isnan().flatten(1).any(1)
            # a variant that hears nothing gives the same mask under every sound: no need to ask it again
            other = probability if batch.audio is None else segment(audio.nan_to_num(0))
            mask = other > 0.5

            def by_clip(values: Tensor, lacking: Tensor = lacking, frames: int = frames) -> Tensor:
                return values.unflatten(0, (-1, frames)).mean(1).masked_fill(lacking, torch.nan)

            ious.setdefault(condition, []).append(by_clip(iou_per_frame(other, truth)))
            areas.setdefault(condition, []).append(by_clip(false_positive_area(mask)))
            changes.setdefault(condition, []).append(by_clip(sensitivity(own, mask)))
            kept.setdefault(condition, []).append(mask.unflatten(0, (-1, frames))[wanted].cpu().numpy())
            if condition == SWAP and silent_masks is not None:
                other_object = torch.from_numpy(np.ascontiguousarray(silent_masks[group])).to(device)
                # the frames of a clip under each other: the clip passes or fails as a whole
                tall = [
                    m.reshape(len(group), -1, m.shape[-1]).bool() for m in (own, mask, truth, other_object)
                ]
                moved, _ = swap_passed(*tall)
                passed.append(moved.float().masked_fill(lacking, torch.nan))

    def joined(parts: list[Tensor]) -> NDArray:
        return torch.cat(parts).cpu().numpy().astype(np.float64)

    table = pd.DataFrame({"name": names[rows], "category": categories[rows], "miou": joined(ious["true"])})
    for condition in sounds:
        table[f"miou_{condition}"] = joined(ious[condition])
        table[f"area_{condition}"] = joined(areas[condition])
        table[f"sensitivity_{condition}"] = joined(changes[condition])
    if passed:
        table["swap_passed"] = joined(passed)
    if "miou_other_category" in table:
        table["swapped_miou"] = table["miou_other_category"]
    all_curves = torch.cat(curves).cpu()
    listening = listening_table(table, list(sounds))
    return Evaluation(
        figures=flat_figures(table, all_curves, listening),
        clips=table,
        categories=by_category(table, all_curves),
        listening=listening,
        masks={condition: np.concatenate(parts) for condition, parts in kept.items()},
    )


def evaluate_split(
    checkpoint: Checkpoint,
    world: EvaluationData,
    split: str,
    *,
    device: torch.device,
    batch_size: int,
    pictures: NDArray | None = None,
    track: Track = no_progress,
) -> Evaluation:
    """`evaluate` on one split of a world, under all sounds that the world has for it.

    Args:
        pictures: positions within the split of the clips whose masks are kept; None: of no clip.

    Raises `PipelineError` where the split has no clip, a frame without a mask, or frames of another size
    than the checkpoint was trained with.
    """
    rows = rows_of(world.catalog, split)
    if not len(rows):
        raise PipelineError(f"{world.frames.parent}: has no clip in the split {split!r}.")
    clips = ClipDataset(world.frames, audio=world.audio if checkpoint.plan.audio else None)
    if not (whole := clips.has_mask[rows].all(axis=1)).all():
        raise PipelineError(
            f"{world.frames.parent}: {world.names[rows[~whole][0]]}, of the split {split!r}, has frames "
            "without a mask, and every frame is judged; choose another split."
        )
    if (side := clips.frames.shape[2]) != checkpoint.plan.model.image_size:
        raise PipelineError(
            f"{world.frames}: frames of {side} pixels, and {checkpoint.plan.variant} was trained with "
            f"{checkpoint.plan.model.image_size}; make them with that `model.image_size`."
        )
    return evaluate(
        checkpoint,
        clips,
        rows,
        world.names,
        world.categories,
        world.sounds,
        world.silent_masks,
        device=device,
        batch_size=batch_size,
        pictured=np.arange(0) if pictures is None else pictures,
        track=track,
    )


@torch.no_grad()
def crop_features(
    checkpoint: Checkpoint, crops: NDArray, present: NDArray, audio: NDArray | None, *, device: torch.device
) -> dict[str, NDArray]:
    """Encoder features of all crops, and, where the variant has crop heads, both embeddings.

    Args:
        crops: (C, T, s, s, 3) uint8; present: (C, T) bool; audio: (C, T, 128), or None without heads.

    Returns:
        features (n, D), row (n,) the clip's number; with heads crop_embedding (n, W), audio_embedding (C, W).
    """
    features, embedded, heard = [], [], []
    for start in range(0, len(crops), 32):
        part = torch.from_numpy(np.array(crops[start : start + 32])).to(device)
        there = torch.from_numpy(np.array(present[start : start + 32]))
        feature = checkpoint.segmenter.crop_features(normalise(part))
        features.append(feature.cpu()[there])
        if checkpoint.heads is not None and audio is not None:
            sound = torch.from_numpy(np.array(audio[start : start + 32])).to(device)
            output = checkpoint.heads(feature, sound)
            embedded.append(output.crop_embedding.cpu()[there])
            heard.append(output.audio_embedding.cpu())
    found = {"features": torch.cat(features).numpy(), "row": np.nonzero(np.asarray(present))[0]}
    if embedded:
        found["crop_embedding"] = torch.cat(embedded).numpy()
        found["audio_embedding"] = torch.cat(heard).numpy()
    return found
