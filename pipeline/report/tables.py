"""Tables of the report as plain rows, for the template and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.config.variants import VARIANTS
from pipeline.report.compare import by_variant
from pipeline.report.inputs import Run

CONDITIONS = {
    "true": "true sound",
    "silence": "silence",
    "white": "white noise",
    "pink": "pink noise",
    "other_category": "another category's clip",
    "same_category": "another clip of the category",
    "shifted": "true sound, shifted in time",
    "silent_object": "the other object's sound",
}
# of the conditions under which the mask should be empty, where there is little room
SHORT_CONDITION_NAMES = {
    "silence": "silence",
    "white": "white",
    "pink": "pink",
    "other_category": "another's",
}


@dataclass(frozen=True)
class Mean:
    """Mean over seeds, with the standard deviation where there is more than one."""

    mean: float
    std: float | None
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" ± {self.std:.3f}" if self.std is not None else "")


def mean_of(values: Iterable[float]) -> Mean | None:
    """Mean of the finite numbers among `values`; None where there is none."""
    numbers = [float(v) for v in values if type(v) in (int, float) and math.isfinite(v)]
    if not numbers:
        return None
    return Mean(
        float(np.mean(numbers)), float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None, len(numbers)
    )


def figure(runs: Sequence[Run], key: str) -> Mean | None:
    """One figure of the metrics JSON over these runs' seeds; None where no run has it."""
    return mean_of(run.figures[key] for run in runs if key in run.figures)


@dataclass(frozen=True)
class VariantRow:
    """One line of the comparison table.

    `swapped_miou` is M_J under another category's sound.
    """

    variant: str
    summary: str
    seeds: tuple[int, ...]
    epochs: str
    val_miou: Mean | None
    best_epoch: str
    miou: Mean | None
    fscore: Mean | None
    fscore_batch1: Mean | None
    swapped_miou: Mean | None
    miou_where_swapped: Mean | None  # with the true sound, over the clips of `swapped_miou`

    @property
    def true_over_swapped(self) -> float | None:
        """How many times better the masks are under the true sound; None where that is undefined."""
        if self.miou_where_swapped is None or self.swapped_miou is None or self.swapped_miou.mean <= 0:
            return None
        return self.miou_where_swapped.mean / self.swapped_miou.mean


def variant_rows(runs: Sequence[Run]) -> list[VariantRow]:
    """One row per variant, in the order of the runs; means over seeds."""
    rows = []
    for variant, group in by_variant(runs).items():
        known = VARIANTS.get(variant)
        rows.append(
            VariantRow(
                variant=variant,
                summary=known.summary if known else "",
                seeds=tuple(run.seed for run in group),
                epochs=_distinct(run.figures["epochs"] for run in group),
                val_miou=figure(group, "val_miou"),
                best_epoch=_distinct(run.figures["best_epoch"] for run in group),
                miou=figure(group, "miou"),
                fscore=figure(group, "fscore"),
                fscore_batch1=figure(group, "fscore_batch1"),
                swapped_miou=figure(group, "swapped_miou"),
                miou_where_swapped=mean_of(
                    run.figures["miou"] if (own := miou_where_swapped(run.clips)) is None else own
                    for run in group
                ),
            )
        )
    return rows


def audio_control(rows: Sequence[VariantRow]) -> VariantRow | None:
    """The variant that shows what a model finds without audio, where it was trained."""
    return next((row for row in rows if (v := VARIANTS.get(row.variant)) and v.audio_control), None)


def representatives(rows: Sequence[VariantRow]) -> dict[str, VariantRow]:
    """Family of published systems -> the trained variant that represents it."""
    known = ((VARIANTS.get(row.variant), row) for row in rows)
    return {variant.family: row for variant, row in known if variant is not None and variant.family}


def miou_where_swapped(clips: pd.DataFrame | None) -> float | None:
    """M_J with the true sound, over the clips that have another's too; None where no clip has one."""
    if clips is None or "swapped_miou" not in clips or clips["swapped_miou"].isna().all():
        return None
    return float(clips["miou"][clips["swapped_miou"].notna()].mean())


def _distinct(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))


@dataclass(frozen=True)
class CategoryRow:
    """One category: number of test clips, and (M_J, M_F) of each variant, None where it has none."""

    category: str
    clips: int
    scores: tuple[tuple[float | None, float | None], ...]


def category_rows(runs: Sequence[Run]) -> tuple[list[str], list[CategoryRow]]:
    """Variants (columns), categories by name (rows), means over seeds; the last row is the macro mean."""
    tables: dict[str, pd.DataFrame] = {}
    for variant, group in by_variant(runs).items():
        parts = [run.categories for run in group if run.categories is not None]
        if parts:
            tables[variant] = pd.concat(parts).groupby("category")[["clips", "miou", "fscore"]].mean()
    names = sorted({category for table in tables.values() for category in table.index if category})
    rows = []
    for category in names:
        found = [table.loc[category] if category in table.index else None for table in tables.values()]
        scores = tuple((None, None) if s is None else _scores(s) for s in found)
        rows.append(CategoryRow(category, max(int(s["clips"]) for s in found if s is not None), scores))
    if len(rows) > 1:
        macro = tuple(_scores(table.mean()) for table in tables.values())  # over those that are defined
        rows.append(CategoryRow("mean over categories", sum(row.clips for row in rows), macro))
    return list(tables), rows


def _scores(of: pd.Series) -> tuple[float | None, float | None]:
    miou, fscore = (None if math.isnan(value) else float(value) for value in of[["miou", "fscore"]])
    return miou, fscore


@dataclass(frozen=True)
class ListeningRow:
    """One audio condition: a figure for each variant, None where it was not measured."""

    condition: str
    means: tuple[Mean | None, ...]


MEASURES = {
    "miou": "M_J against the original truth",
    "false_positive_area": "False-positive area (lower is better under negative audio)",
    "null_score": "Null score S (lower is better under negative audio)",
    "g_miou": "G-mIoU (higher is better)",
    "sensitivity": "Audio sensitivity",
    "swap_passed": "Swap test: share of clips whose mask moves",
}


def listening_tables(runs: Sequence[Run]) -> tuple[list[str], dict[str, list[ListeningRow]]]:
    """Variants (columns) and, for each measure of listening.csv, one row per condition; means over seeds.

    Only rows over all categories are read: those whose `category` is empty or "all".
    """
    whole: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        if run.listening is not None:
            table = run.listening
            if "category" in table:
                table = table[table["category"].isin(["", "all"])]
            whole.setdefault(run.variant, []).append(
                table.drop_duplicates("condition").set_index("condition")
            )
    seen = dict.fromkeys(c for tables in whole.values() for table in tables for c in table.index)
    order = [c for c in CONDITIONS if c in seen] + [c for c in seen if c not in CONDITIONS]
    found = {}
    for measure in MEASURES:
        rows = [
            ListeningRow(
                CONDITIONS.get(condition, condition.replace("_", " ")),
                tuple(
                    mean_of(
                        float(table[measure].loc[condition])
                        for table in tables
                        if measure in table and condition in table.index
                    )
                    for tables in whole.values()
                ),
            )
            for condition in order
        ]
        rows = [row for row in rows if any(value is not None for value in row.means)]
        if rows:
            found[measure] = rows
    return list(whole), found
