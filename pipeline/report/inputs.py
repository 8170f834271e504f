"""Outputs of finished runs: figures, clip scores, curves, features and pictures of each variant and seed."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.utils.errors import PipelineError
from pipeline.utils.files import read_json

REQUIRED = ("miou", "fscore", "val_miou", "best_epoch", "epochs")


@dataclass(frozen=True)
class Features:
    """Crop features of one epoch.

    Attributes:
        values: (n, d) float32, one row per crop.
        category: (n,) str, the category of each row.
        clip: (n,) str, the clip that each row comes from.
        crop_embedding: (n, w) in the common space of the similarity loss; None for variants without crop
            heads, as are the following.
        audio_embedding: (m, w) in the same space, of all train clips, with or without crops.
        audio_clip: (m,) str, the clip of each audio embedding.
        audio_category: (m,) str.
    """

    values: NDArray[np.float32]
    category: NDArray[np.str_]
    clip: NDArray[np.str_]
    crop_embedding: NDArray[np.float32] | None = None
    audio_embedding: NDArray[np.float32] | None = None
    audio_clip: NDArray[np.str_] | None = None
    audio_category: NDArray[np.str_] | None = None


@dataclass(frozen=True)
class Run:
    """One trained and evaluated model. Outputs that a stage did not write are None or empty."""

    variant: str
    seed: int
    figures: dict[str, Any]
    clips: pd.DataFrame | None = None
    categories: pd.DataFrame | None = None
    listening: pd.DataFrame | None = None
    curves: dict[str, pd.Series] = field(default_factory=dict)  # metric -> value by epoch
    features: dict[int, Path] = field(default_factory=dict)  # by epoch, for `read_features`: they are large
    pictures: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """`{variant}-{seed}`, as its folders are named."""
        return f"{self.variant}-{self.seed}"


def read_run(variant: str, seed: int, *, evaluation: Path, logs: Path) -> Run:
    """Read the folders `{variant}-{seed}` in `evaluation` and `logs`.

    Only figures.json must exist.

    Raises:
        PipelineError: a file is missing or damaged; the message names it.
    """
    name = f"{variant}-{seed}"
    folder = evaluation / name
    source = folder / "figures.json"
    figures = read_json(source)
    missing = [key for key in REQUIRED if not isinstance(figures, dict) or key not in figures]
    if missing:
        raise PipelineError(f"{source}: has no {', '.join(missing)}; run `dvc repro evaluate`.")
    return Run(
        variant=variant,
        seed=seed,
        figures=figures,
        clips=read_table(folder / "per_clip.csv", ("name", "miou")),
        categories=read_table(folder / "per_category.csv", ("category", "clips", "miou", "fscore")),
        listening=read_table(folder / "listening.csv", ("condition", "miou")),
        curves=read_curves(logs / name),
        features=_by_epoch(folder),
        pictures=tuple(sorted((folder / "overlays").glob("*.png"))),
    )


def read_runs(variants: Sequence[str], seeds: Sequence[int], **folders: Path) -> list[Run]:
    """Read every variant and seed, in that order; folders as in `read_run`."""
    return [read_run(variant, seed, **folders) for variant in variants for seed in seeds]


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame | None:
    """A CSV with at least these columns, or None where there is no file; text stays text, "nan" too."""
    if not path.exists():
        return None
    try:
        text = {"name": str, "category": str, "condition": str}
        table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values={})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError) as error:
        raise PipelineError(f"{path}: is not a table ({error}); run `dvc repro evaluate`.") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise PipelineError(f"{path}: has no column {', '.join(missing)}; run `dvc repro evaluate`.")
    for column in set(table) - set(text):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    return table


def read_curves(folder: Path) -> dict[str, pd.Series]:
    """Metrics that dvclive wrote under `{folder}/plots/metrics`: "train/loss" -> values by epoch, from 1."""
    root = folder / "plots" / "metrics"
    curves = {}
    for path in sorted(root.rglob("*.tsv")):
        try:
            table = pd.read_csv(path, sep="\t")
            values = pd.to_numeric(table[path.stem], errors="coerce")
            steps = pd.to_numeric(table["step"], errors="raise").astype(int)
        except (KeyError, ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise PipelineError(
                f"{path}: is not a dvclive metric ({error}); run `dvc repro train`."
            ) from error
        name = path.relative_to(root).with_suffix("").as_posix()
        # a run resumed after an interruption may hold a step twice: the later one counts
        series = pd.Series(values.to_numpy(), index=steps + 1)
        curves[name] = series[~series.index.duplicated(keep="last")].sort_index()
    return curves


def _by_epoch(folder: Path) -> dict[int, Path]:
    named = {path.stem.removeprefix("features-"): path for path in folder.glob("features-*.npz")}
    return dict(sorted((int(epoch), path) for epoch, path in named.items() if epoch.isdecimal()))


def read_features(path: Path) -> Features:
    """Crop features of one epoch, as `evaluate` writes them.

    Raises:
        PipelineError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        values = arrays["features"]
        features = Features(
            values=values,
            category=arrays["category"].astype(str),
            clip=arrays["clip"].astype(str),
            crop_embedding=arrays.get("crop_embedding"),
            audio_embedding=arrays.get("audio_embedding"),
            audio_clip=arrays["audio_clip"].astype(str) if "audio_clip" in arrays else None,
            audio_category=arrays["audio_category"].astype(str) if "audio_category" in arrays else None,
        )
        if values.ndim != 2 or not len(values) == len(features.category) == len(features.clip):
            raise ValueError(f"features {values.shape}, {len(features.category)} categories")
        if not np.isfinite(values).all():
            raise ValueError("features hold NaN or infinity")
        return features
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise PipelineError(f"{path}: holds no features ({error}); run `dvc repro evaluate`.") from error
