"""Variants against each other: paired by clip and seed, with intervals and corrected p values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.report.inputs import Run
from pipeline.statistics import Comparison, Interval, compare, compare_figures, holm


@dataclass(frozen=True)
class Pair:
    """`variant` minus `against` in one figure; `p` is corrected for the number of pairs (Holm)."""

    variant: str
    against: str
    figure: str
    comparison: Comparison
    p: float | None = None

    @property
    def interval(self) -> Interval | None:
        return self.comparison.headline

    @property
    def verdict(self) -> str:
        return self.comparison.verdict


def by_variant(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by variant, in the order in which the variants first appear."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.variant, []).append(run)
    return grouped


def compare_variants(runs: Sequence[Run], *, seed: int) -> list[Pair]:
    """Every variant against the first; every later one against `proposed` too, where that is there."""
    names = list(by_variant(runs))
    wanted = [(name, names[0]) for name in names[1:]]
    if "proposed" in names[1:]:
        wanted += [(name, "proposed") for name in names[1:] if name != "proposed"]
    pairs = []
    for variant, against in wanted:
        comparison = _compare_pair(runs, variant, against, seed)
        if comparison is not None:
            pairs.append(Pair(variant, against, "miou", comparison))
    known = [place for place, pair in enumerate(pairs) if pair.interval is not None]
    corrected = holm([pairs[place].interval.p for place in known])  # type: ignore[union-attr]
    for place, p in zip(known, corrected, strict=True):
        old = pairs[place]
        pairs[place] = Pair(old.variant, old.against, old.figure, old.comparison, p)
    return pairs


def _compare_pair(runs: Sequence[Run], variant: str, against: str, seed: int) -> Comparison | None:
    """Over the seeds that both have; by clip where both have clip scores, else by the whole-set M_J."""
    first = {run.seed: run for run in runs if run.variant == variant}
    second = {run.seed: run for run in runs if run.variant == against}
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    mine = clip_matrix([first[s] for s in seeds], "miou")
    theirs = clip_matrix([second[s] for s in seeds], "miou")
    if mine is not None and theirs is not None and mine[0] == theirs[0]:
        return compare(mine[1] - theirs[1], seed=seed)
    return compare_figures([first[s].figures["miou"] - second[s].figures["miou"] for s in seeds])


def clip_matrix(runs: Sequence[Run], column: str) -> tuple[list[str], NDArray[np.float64]] | None:
    """Clip names and scores (runs, clips) of one column of per_clip.csv; None where a run lacks it.

    Clips whose score is undefined in any run are left out of all.
    """
    tables = []
    for run in runs:
        if run.clips is None or column not in run.clips:
            return None
        tables.append(run.clips.drop_duplicates("name").set_index("name")[column].dropna())
    names = sorted(set.intersection(*(set(table.index) for table in tables)))
    if not names:
        return None
    return names, np.stack([table.loc[names].to_numpy(np.float64) for table in tables])


def hearing(runs: Sequence[Run], *, seed: int) -> dict[str, Comparison]:
    """True audio against another clip's, by variant: what the sound is worth in M_J."""
    found = {}
    for variant, group in by_variant(runs).items():
        true, swapped = clip_matrix(group, "miou"), clip_matrix(group, "swapped_miou")
        if true is not None and swapped is not None and true[0] == swapped[0]:
            found[variant] = compare(true[1] - swapped[1], seed=seed)
    return found
