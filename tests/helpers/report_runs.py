"""Runs and pairs of variants, made up, for the tests of the report."""

from __future__ import annotations

import pandas as pd

from pipeline.report.compare import Pair
from pipeline.report.inputs import Run
from pipeline.report.intervals import Comparison, Interval


def run(variant: str, seed: int, scores: dict[str, float], swapped: float = 0.1, **figures: float) -> Run:
    clips = pd.DataFrame({"name": list(scores), "miou": list(scores.values()), "swapped_miou": swapped})
    base = {"miou": float(clips["miou"].mean()), "fscore": 0.6, "val_miou": 0.5, "best_epoch": 3, "epochs": 5}
    return Run(variant, seed, {**base, "swapped_miou": swapped, **figures}, clips=clips)


def pair(low: float, high: float, seeds: int = 3) -> Pair:
    interval = Interval((low + high) / 2, low, high, 0.5)
    several = interval if seeds > 1 else None
    comparison = Comparison(interval.mean, seeds, 36, interval, several, several)
    return Pair("proposed", "baseline", "miou", comparison, seeds_needed=7)
