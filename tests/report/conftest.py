"""A finished run as training and evaluation leave it, small and made up, for the report's tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.evaluation.overlay import write_strips
from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou
from pipeline.report.compare import compare_variants
from pipeline.report.inputs import Run, read_runs
from pipeline.report.listening import compare_listening
from pipeline.report.page import ReportContext, build_page
from tests.helpers.paths import ROOT

CATEGORIES = ("cat_meowing", "dog_barking", "helicopter", "race_car")
CLIPS = [f"-clip_{number}" for number in range(11)] + [
    "<b>&clip"
]  # names begin with "-" in the real data too
LEVEL = {"baseline": 0.52, "proposed": 0.56}


@dataclass(frozen=True)
class Finished:
    """The folders of a finished run."""

    root: Path
    variants: tuple[str, ...]
    seeds: tuple[int, ...]

    def runs(self) -> list[Run]:
        return read_runs(
            self.variants, self.seeds, evaluation=self.root / "data/eval", logs=self.root / "logs"
        )

    def context(self, **changed: Any) -> ReportContext:
        made = {
            "params": yaml.safe_load((ROOT / "params.yaml").read_text()),
            "catalog": pd.DataFrame({"split": ["train"] * 8 + ["test"] * 12, "category": [*CATEGORIES] * 5}),
            "problems": pd.DataFrame(
                {"file": ["cat/<i>x</i>.xml"], "kind": ["empty box"], "detail": ["xmax <= xmin"]}
            ),
            "audio": {"weights": "seeded", "seed": 0, "sha256": "", "standardised": True},
            "provenance": {"commit": "0123abc", "machine": "Linux"},
        }
        return ReportContext(**{**made, **changed})

    def page(self, **changed: Any) -> str:
        runs = self.runs()
        pairs = compare_variants(runs, seed=0) + compare_listening(runs, seed=0)
        return build_page(runs, pairs, self.context(**changed), seed=0)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, str]:
    """A full run of two variants and two seeds, which tests only read, and its page."""
    root = tmp_path_factory.mktemp("full")
    for place, variant in enumerate(LEVEL):
        for seed in (1, 2):
            write_run(root, variant, seed, np.random.default_rng([place, seed]), extras=True)
    finished = Finished(root, tuple(LEVEL), (1, 2))
    return finished, finished.page()


@pytest.fixture
def finish(tmp_path: Path) -> Callable[..., Finished]:
    """Write a finished run for these variants and seeds; `extras=False` leaves all that is optional away."""

    def write(
        variants: Sequence[str] = ("baseline", "proposed"), seeds: Sequence[int] = (1, 2), extras: bool = True
    ) -> Finished:
        for place, variant in enumerate(variants):
            for seed in seeds:
                write_run(tmp_path, variant, seed, np.random.default_rng([place, seed]), extras)
        return Finished(tmp_path, tuple(variants), tuple(seeds))

    return write


def write_run(root: Path, variant: str, seed: int, random: np.random.Generator, extras: bool) -> None:
    level = {**LEVEL, "listening": 0.5}.get(variant, 0.4) + 0.01 * seed
    hard = np.linspace(-0.2, 0.2, len(CLIPS))  # the same clips are hard for every model
    clips = pd.DataFrame({"name": CLIPS, "category": np.resize(CATEGORIES, len(CLIPS))})
    clips["miou"] = (level + hard + random.normal(0, 0.01, len(CLIPS))).round(6)
    clips["swapped_miou"] = (0.13 + 0.2 * hard + random.normal(0, 0.01, len(CLIPS))).round(6)
    fooled = 0.05 if variant == "listening" else 0.3
    for condition in NEGATIVE_CONDITIONS:
        clips[f"miou_{condition}"] = (fooled + 0.2 * hard + random.normal(0, 0.01, len(CLIPS))).round(6)
    figures = {
        "variant": variant,
        "seed": seed,
        "epochs": 25,
        "best_epoch": 20 + seed,
        "val_miou": level + 0.0123,
        "miou": float(clips["miou"].mean()),
        "fscore": level + 0.1,
        "fscore_batch1": level + 0.12,
        "swapped_miou": float(clips["swapped_miou"].mean()),
        "miou_macro": level,
        **{f"false_positive_area_{condition}": fooled / 2 for condition in NEGATIVE_CONDITIONS},
    }
    folder = root / "data/eval" / f"{variant}-{seed}"
    folder.mkdir(parents=True)
    (folder / "figures.json").write_text(json.dumps(figures))
    if not extras:
        return
    clips.to_csv(folder / "per_clip.csv", index=False)
    by_category = clips.groupby("category")["miou"].agg(["size", "mean"]).reset_index()
    by_category.columns = pd.Index(["category", "clips", "miou"])
    by_category.assign(fscore=by_category["miou"] + 0.1).to_csv(folder / "per_category.csv", index=False)
    write_listening(folder / "listening.csv", clips, fooled)
    for epoch in (5, 25):
        write_features(folder / f"features-{epoch}.npz", epoch, random)
    for clip in (CLIPS[0], CLIPS[-1]):
        write_overlay(folder / "overlays", clip, random)
    curves = {"train/loss": 1.0, "train/bce": 0.7, "val/miou": None}
    if variant == "proposed":
        curves |= {"train/classification": 1.5, "train/similarity": 0.8}
    for metric, start in curves.items():
        steps = np.arange(25)
        values = level * (1 - np.exp(-steps / 6)) if start is None else start * np.exp(-steps / 10)
        path = root / "logs" / f"{variant}-{seed}" / "plots/metrics" / f"{metric}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        noisy = values + random.normal(0, 0.01, 25)
        pd.DataFrame({"step": steps, metric.rpartition("/")[2]: noisy}).to_csv(path, sep="\t", index=False)


def write_listening(path: Path, clips: pd.DataFrame, fooled: float) -> None:
    rows = []
    for category, part in [("all", clips), *clips.groupby("category")]:
        rows.append({"condition": "true", "category": category, "miou": part["miou"].mean()})
        for condition in NEGATIVE_CONDITIONS:
            negative = part[f"miou_{condition}"].mean()
            rows.append(
                {
                    "condition": condition,
                    "category": category,
                    "miou": negative,
                    "false_positive_area": fooled / 2,
                    "null_score": (fooled / 2) ** 0.5,
                    "g_miou": g_miou(part["miou"].mean(), negative),
                    "sensitivity": 1 - fooled,
                }
            )
        rows.append(
            {"condition": "silent_object", "category": category, "miou": 0.1, "swap_passed": 1 - fooled}
        )
    pd.DataFrame(rows).to_csv(path, index=False)


def write_features(path: Path, epoch: int, random: np.random.Generator) -> None:
    """Five crops of each of 16 clips in 4 categories that lie further apart at the later epoch."""
    category = np.repeat(CATEGORIES, 20)
    clip = np.repeat([f"train_{number}" for number in range(16)], 5)
    centres = np.random.default_rng(7).normal(0, 0.1 * epoch, (4, 24))
    values = np.repeat(centres, 20, axis=0) + random.normal(0, 1, (80, 24))
    np.savez(
        path,
        features=values.astype(np.float32),
        category=category,
        clip=clip,
        crop_embedding=values[:, :8].astype(np.float32),
        audio_embedding=values[::5, :8].astype(np.float32),
        audio_clip=clip[::5],
        audio_category=category[::5],
    )


def write_overlay(folder: Path, clip: str, random: np.random.Generator) -> None:
    rows, columns = np.mgrid[:72, :96]
    frames = np.stack([rows * 2, columns * 2, rows + columns], -1)[None].repeat(5, 0).astype(np.uint8)
    truth = np.stack([(rows - 36) ** 2 + (columns - 30 - 6 * k) ** 2 < 400 for k in range(5)])
    predicted = np.roll(truth, int(random.integers(2, 12)), axis=2)
    others = {"silence": predicted & False, "silent_object": np.roll(predicted, 40, axis=2)}
    write_strips(folder, clip.replace("/", "_"), frames, truth, predicted, others)
