"""The negative-audio test in the report: differences in G-mIoU, and the figures by category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou
from pipeline.report.compare import Pair, by_variant, common_seeds, corrected, paired_scores
from pipeline.report.inputs import Run
from pipeline.report.intervals import compare
from pipeline.report.tables import MEASURES

COLUMN_NAMES = {
    "other_category": "other",
    "same_category": "same",
    "silent_object": "other object",
}


def compare_listening(runs: Sequence[Run], *, seed: int) -> list[Pair]:
    """Every variant's G-mIoU against the first's, for each negative sound; figures `g_miou_{condition}`."""
    names = list(by_variant(runs))
    compared = []
    for variant in names[1:]:
        first, second = common_seeds(runs, variant, names[0])
        for condition in NEGATIVE_CONDITIONS if first else ():
            scores = paired_scores(first, second, "miou", f"miou_{condition}")
            if scores is None:
                continue
            difference = g_miou_by_clip(*scores[0]) - g_miou_by_clip(*scores[1])
            comparison = compare(difference, seed=seed)
            compared.append((Pair(variant, names[0], f"g_miou_{condition}", comparison), difference))
    return corrected(compared)


def g_miou_by_clip(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> NDArray[np.float64]:
    """G-mIoU as a mean over clips, to first order, so that intervals of means hold for it (delta method).

    G is a function of two means, not itself a mean. Each clip gets its contribution to G near its run's
    means: the mean over a run's clips is exactly that run's G.

    Args:
        positive: (runs, clips) M_J under the true audio.
        negative: (runs, clips) M_J under negative audio.

    Returns:
        (runs, clips).
    """
    up, down = positive.mean(axis=1, keepdims=True), negative.mean(axis=1, keepdims=True)
    whole = np.array([[g_miou(float(p), float(n))] for p, n in zip(up[:, 0], down[:, 0], strict=True)])
    total = np.maximum(up + 1 - down, 1e-12)
    by_positive, by_negative = 2 * ((1 - down) / total) ** 2, -2 * (up / total) ** 2
    return whole + by_positive * (positive - up) + by_negative * (negative - down)


@dataclass(frozen=True)
class CategoryListening:
    """The negative-audio test of one variant by category, means over seeds.

    Attributes:
        groups: each measure's title and the sounds (columns) that it was measured under.
        rows: category, and one value per column, None where it is undefined.
    """

    groups: list[tuple[str, list[str]]]
    rows: list[tuple[str, list[float | None]]]


def listening_by_category(runs: Sequence[Run]) -> dict[str, CategoryListening]:
    """Variant -> its table, for variants whose listening.csv has rows by category."""
    found = {}
    for variant, group in by_variant(runs).items():
        tables = [run.listening for run in group if run.listening is not None and "category" in run.listening]
        if not tables:
            continue
        joined = pd.concat(tables)
        joined = joined[~joined["category"].isin(["", "all"])]
        if joined.empty:
            continue
        order = list(dict.fromkeys(joined["condition"]))
        means = joined.groupby(["category", "condition"]).mean(numeric_only=True)
        columns = [
            (measure, condition)
            for measure in MEASURES
            if measure in means
            for condition in order
            if means[measure].xs(condition, level="condition").notna().any()
        ]
        groups = [
            (title, [_short(c) for m, c in columns if m == measure])
            for measure, title in MEASURES.items()
            if any(m == measure for m, _ in columns)
        ]
        rows = [
            (str(category), [_value(means, category, condition, measure) for measure, condition in columns])
            for category in sorted(set(joined["category"]))
        ]
        found[variant] = CategoryListening(groups, rows)
    return found


def _short(condition: str) -> str:
    return COLUMN_NAMES.get(condition, condition.replace("_", " "))


def _value(means: pd.DataFrame, category: str, condition: str, measure: str) -> float | None:
    if (category, condition) not in means.index:
        return None
    value = float(means.loc[(category, condition), measure])  # type: ignore[arg-type]
    return value if np.isfinite(value) else None
