"""metrics/summary.json: the figures of all seeds in one place, for `dvc metrics show`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipeline.report.compare import Pair, by_variant
from pipeline.report.inputs import Run
from pipeline.report.tables import figure, variant_rows

NOT_AVERAGED = {"seed", "epochs", "best_epoch"}


def summarise(runs: Sequence[Run], pairs: Sequence[Pair]) -> dict[str, Any]:
    """Means and deviations of each variant's figures, and the paired differences; nothing undefined.

    Returns:
        `{variant: {"seeds": n, "miou": mean, "miou_std": sd}, "difference": {"proposed-baseline": {...}}}`.
    """
    summary: dict[str, Any] = {}
    rows = {row.variant: row for row in variant_rows(runs)}
    for variant, group in by_variant(runs).items():
        figures: dict[str, Any] = {"seeds": len(group)}
        for key in sorted({key for run in group for key in run.figures} - NOT_AVERAGED):
            mean = figure(group, key)
            if mean is not None:
                figures[key] = mean.mean
                if mean.std is not None:
                    figures[f"{key}_std"] = mean.std
        ratio = rows[variant].true_over_swapped
        if ratio is not None:
            figures["true_over_swapped"] = ratio
        summary[variant] = figures
    difference: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        found = difference.setdefault(f"{pair.variant}-{pair.against}", {})
        if pair.figure == "miou":
            found |= _difference(pair)
        else:
            found[pair.figure] = _difference(pair)
    summary["difference"] = difference
    return summary


def _difference(pair: Pair) -> dict[str, Any]:
    comparison, interval, figure = pair.comparison, pair.interval, pair.figure
    values: dict[str, Any] = {
        figure: comparison.difference,
        "seeds": comparison.n_seeds,
        "clips": comparison.n_clips,
        "verdict": pair.verdict,
    }
    if interval is not None:
        values |= {f"{figure}_low": interval.low, f"{figure}_high": interval.high, "p": interval.p}
    if pair.p is not None:
        values["p_corrected"] = pair.p
    if pair.seeds_needed is not None:
        values["seeds_needed"] = pair.seeds_needed
    return {key: value for key, value in values.items() if not _undefined(value)}


def _undefined(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
