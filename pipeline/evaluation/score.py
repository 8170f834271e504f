"""Scores of any system's masks or probability maps: M_J and M_F of files laid out as AVSBench's masks."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pipeline.data.clip import FRAMES
from pipeline.data.images import read_image
from pipeline.data.masks import has_palette, opaque, palette_indices, read_mask
from pipeline.evaluation.value_scale import full_scale
from pipeline.metrics.segmentation import fscore, fscore_batch1, fscore_curves, iou_per_frame, miou
from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import Track, no_progress

ENDINGS = (".png", ".npy")


class LabelledFrame(NamedTuple):
    """One labelled frame: clip, category, split, frame number from 1, and the file of its true mask."""

    name: str
    category: str
    split: str
    frame: int
    mask: Path


@dataclass(frozen=True)
class Score:
    """Scores of one set of frames; None where no prediction was found."""

    frames: int
    miou: float | None
    fscore: float | None
    fscore_batch1: float | None


@dataclass(frozen=True)
class Scores:
    """Scores of one system.

    Attributes:
        total: over all frames that have a prediction.
        by_category: for each category, by name (one "" for MS3).
        expected: number of labelled frames in the split.
        missing: the frames without a prediction, as `{category}/{name}/{name}_{k}`.
        resized: how many predictions were resized to their truth.
    """

    total: Score
    by_category: dict[str, Score]
    expected: int
    missing: tuple[str, ...]
    resized: int

    @property
    def miou_macro(self) -> float | None:
        """Mean of the categories' M_J."""
        values = [score.miou for score in self.by_category.values() if score.miou is not None]
        return float(np.mean(values)) if values else None


def labelled_frames(catalog: pd.DataFrame, split: str) -> list[LabelledFrame]:
    """Every labelled frame of a split, in the catalogue's order.

    Raises:
        PipelineError: there is none.
    """
    clips = catalog[catalog["split"] == split]
    frames = [
        LabelledFrame(name, category, split, number, Path(mask))
        for name, category, masks in zip(clips["name"], clips["category"], clips["masks"], strict=True)
        for number, mask in enumerate(masks, start=1)
        if mask is not None
    ]
    if not frames:
        raise PipelineError(f"the catalogue has no labelled frame in split {split!r}; try another --split.")
    return frames


def find_predictions(root: Path, frames: Sequence[LabelledFrame], *, first: int = 1) -> list[Path | None]:
    """The prediction file of each frame.

    Files are PNG or NPY: `{category}/{name}/{name}_{k}`, `{name}/{name}_{k}` or `{name}_{k}`, each also below
    a folder named after the split, and with MS3's `{name}.mp4_{k}` as the file's name.

    Args:
        root: the folder of the predictions.
        frames: the labelled frames.
        first: the number of a clip's first frame in the files: 1 as in AVSBench, or 0.

    Returns:
        One path per frame, None where there is none.

    Raises:
        PipelineError: `root` holds no prediction at all, a frame has two, or files do not count from `first`.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file():
            key = unicodedata.normalize("NFC", path.relative_to(root).with_suffix("").as_posix())
            found.setdefault(key, []).append(path)
    if not found:
        raise PipelineError(
            f"{root}: holds no {' or '.join(ENDINGS)} file; give the folder of the predictions."
        )
    if first == 1 and any(_keys(frame, 0) & found.keys() for frame in frames):
        raise PipelineError(f"{root}: its files count frames from 0; say --first 0.")
    if first == 0 and any(_keys(frame, FRAMES) & found.keys() for frame in frames):
        raise PipelineError(f"{root}: its files count frames from 1; leave out --first.")
    chosen: list[Path | None] = []
    for frame in frames:
        paths = [path for key in sorted(_keys(frame, frame.frame - 1 + first)) for path in found.get(key, [])]
        if len(paths) > 1:
            shown = ", ".join(map(str, paths))
            raise PipelineError(
                f"{frame.name}, frame {frame.frame}: several predictions ({shown}); leave one."
            )
        chosen.append(paths[0] if paths else None)
    return chosen


def _keys(frame: LabelledFrame, number: int) -> set[str]:
    """Where a prediction may be, without its ending."""
    files = {f"{frame.name}_{number}", f"{frame.name}.mp4_{number}"}
    folders = {"", f"{frame.name}/"}
    if frame.category:
        folders.add(f"{frame.category}/{frame.name}/")
    return {
        f"{above}{folder}{file}" for above in ("", f"{frame.split}/") for folder in folders for file in files
    }


def read_values(path: Path) -> NDArray[np.generic]:
    """Values of one prediction as stored.

    Returns:
        (H, W) uint8, uint16, bool or float.

    Raises:
        PipelineError: the file is no mask or probability map.
    """
    if path.suffix.lower() == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise PipelineError(
                f"{path}: is no array of numbers ({error}); write it with numpy.save."
            ) from error
    else:
        values = read_image(path)
        if has_palette(path) and len(np.unique(indices := palette_indices(path, values[..., :3]))) <= 2:
            values = np.where(indices > 0, 255, 0).astype(np.uint8)  # as `read_mask`: by index
        if values.ndim == 3:
            colours = opaque(path, values)
            values = colours.max(axis=2)
            if (colours != values[..., None]).any() and len(np.unique(values)) > 2:
                raise PipelineError(f"{path}: is a colour picture; save the mask or probability as grey.")
    if values.ndim == 3:  # one channel, first or last
        values = values[0] if len(values) == 1 else values[..., 0] if values.shape[2] == 1 else values
    if values.ndim != 2 or not values.size or values.dtype.kind not in "buf":
        raise PipelineError(
            f"{path}: holds {values.dtype} of shape {values.shape}; it must be one map (height, width) of "
            "0/255, 8- or 16-bit grey, or float probabilities."
        )
    if values.dtype.kind == "f" and not (
        np.isfinite(values).all() and 0 <= values.min() <= values.max() <= 1
    ):
        raise PipelineError(f"{path}: holds values outside 0 to 1; save probabilities (after the sigmoid).")
    return values


def score_predictions(
    root: Path, catalog: pd.DataFrame, *, split: str = "test", first: int = 1, track: Track = no_progress
) -> Scores:
    """Score the predictions under `root` against the catalogue's masks of one split.

    A prediction of another size than its truth is resized to it (bilinear).

    Args:
        root: the folder of the predictions, laid out as `find_predictions` says.
        catalog: the clip catalogue.
        split: train, val or test.
        first: the number of a clip's first frame in the files, 1 or 0.
        track: shows progress.

    Returns:
        Scores over the frames that have a prediction, and the names of those that have none.

    Raises:
        PipelineError: the split has no labelled frame, a prediction cannot be found or read, or its scale
            cannot be known.
    """
    frames = labelled_frames(catalog, split)
    paths = find_predictions(root, frames, first=first)
    found = [(frame, path) for frame, path in zip(frames, paths, strict=True) if path is not None]
    missing = tuple(
        f"{frame.category}/{frame.name}/{frame.name}_{frame.frame}".lstrip("/")
        for frame, path in zip(frames, paths, strict=True)
        if path is None
    )
    scale = full_scale(
        (path, read_values(path)) for _, path in track(found, len(found), "reading predictions")
    )
    ious, curves, resized = [], [], 0
    for frame, path in track(found, len(found), "scoring frames"):
        truth = read_mask(frame.mask)
        values = read_values(path)
        probability: NDArray[np.floating] = values.astype(np.float32) / scale[values.dtype]
        if probability.shape != truth.shape:
            resized += 1
            size = (truth.shape[1], truth.shape[0])
            probability = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
        predicted = torch.from_numpy(np.asarray(probability, np.float32))[None]
        target = torch.from_numpy(truth)[None]
        ious.append(iou_per_frame(predicted, target))
        curves.append(fscore_curves(predicted, target))
    table = pd.DataFrame([frame for frame, _ in found], columns=LabelledFrame._fields)
    iou = torch.cat(ious) if ious else torch.empty(0)
    curve = torch.cat(curves) if curves else torch.empty(0, 255)
    by_category = {
        category: _score(table, iou, curve, table["category"].to_numpy() == category)
        for category in sorted({frame.category for frame in frames})
    }
    everything = np.ones(len(table), dtype=bool)
    return Scores(_score(table, iou, curve, everything), by_category, len(frames), missing, resized)


def _score(table: pd.DataFrame, iou: torch.Tensor, curves: torch.Tensor, rows: NDArray[np.bool_]) -> Score:
    if not rows.any():
        return Score(0, None, None, None)
    clips = pd.Series(np.flatnonzero(rows)).groupby(table["name"].to_numpy()[rows], sort=False)
    batches = [fscore_batch1(curves[group.tolist()][None]) for _, group in clips]
    mask = torch.from_numpy(rows)
    return Score(int(rows.sum()), miou(iou[mask]), fscore(curves[mask]), float(np.mean(batches)))
