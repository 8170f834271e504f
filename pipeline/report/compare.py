"""Variants against each other: paired by clip and seed, with intervals and corrected p values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config.variants import VARIANTS
from pipeline.report.holm import holm, holm_levels
from pipeline.report.inputs import Run
from pipeline.report.intervals import LEVEL, Comparison, Interval, compare, compare_figures
from pipeline.report.power import seeds_to_find
from pipeline.utils.errors import PipelineError


@dataclass(frozen=True)
class Pair:
    """`variant` minus `against` in one figure; `p` is corrected for the number of pairs (Holm).

    The verdict is better or worse where the interval is on one side of 0 and the corrected p value agrees.
    `seeds_needed` is of `seeds_to_find`, at the level that the correction asks for.
    """

    variant: str
    against: str
    figure: str
    comparison: Comparison
    p: float | None = None
    seeds_needed: int | None = None

    @property
    def interval(self) -> Interval | None:
        """The interval with the widest claim that the data supports."""
        return self.comparison.headline

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `cannot tell`."""
        not_significant = self.p is not None and self.p >= 1 - LEVEL
        return "cannot tell" if not_significant else self.comparison.verdict


def by_variant(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by variant, in the order in which the variants first appear."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.variant, []).append(run)
    return grouped


def pairs_to_compare(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """(variant, against): every variant against the first, and every other one against those with a control.

    A variant with a control (`Variant.control_of`) is itself compared with that control.
    """
    names = list(by_variant(runs))
    later = names[1:]
    pairs = [(name, names[0]) for name in later]
    controls = {name: known.control_of for name, known in VARIANTS.items() if known.control_of is not None}
    for method in (name for name in later if name in controls.values()):
        others = [name for name in later if name != method]
        pairs += [(method, name) if controls.get(name) == method else (name, method) for name in others]
    return pairs


def compare_variants(runs: Sequence[Run], *, seed: int) -> list[Pair]:
    """Test M_J of `pairs_to_compare`, of those that share a seed.

    Over the clips that both have scores of; by the whole-set M_J of each seed where a run has none.
    """
    compared = []
    for variant, against in pairs_to_compare(runs):
        first, second = common_seeds(runs, variant, against)
        if not first:
            continue
        scores = paired_scores(first, second, "miou")
        if scores is not None:
            differences = scores[0][0] - scores[1][0]
            comparison = compare(differences, seed=seed)
        else:
            whole = [a.figures["miou"] - b.figures["miou"] for a, b in zip(first, second, strict=True)]
            differences, comparison = np.array(whole)[:, None], compare_figures(whole)
        compared.append((Pair(variant, against, "miou", comparison), differences))
    return corrected(compared)


def corrected(compared: Sequence[tuple[Pair, NDArray[np.float64]]]) -> list[Pair]:
    """Pairs, given with their differences (seeds, clips), corrected for the number of those that have a p."""
    p_values = [pair.interval.p for pair, _ in compared if pair.interval is not None]
    corrections = iter(zip(holm(p_values), holm_levels(p_values), strict=True))
    found = []
    for pair, differences in compared:
        if pair.interval is None:
            found.append(pair)
        else:
            p, level = next(corrections)
            found.append(replace(pair, p=p, seeds_needed=seeds_to_find(differences, level=level)))
    return found


def common_seeds(runs: Sequence[Run], variant: str, against: str) -> tuple[list[Run], list[Run]]:
    """The runs of two variants with the seeds that both have, in the seeds' order."""
    first = {run.seed: run for run in runs if run.variant == variant}
    second = {run.seed: run for run in runs if run.variant == against}
    seeds = sorted(first.keys() & second.keys())
    return [first[s] for s in seeds], [second[s] for s in seeds]


def paired_scores(
    first: Sequence[Run], second: Sequence[Run], *columns: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Scores (columns, runs, clips) of two variants over the clips that all their runs have.

    Returns:
        The scores of each; None where a run has no such column.

    Raises:
        PipelineError: they have no clip in common, so that nothing can be compared.
    """
    scores = clip_matrix([*first, *second], *columns)
    if scores is not None:
        return scores[1][:, : len(first)], scores[1][:, len(first) :]
    if all(clip_matrix([run], *columns) for run in [*first, *second]):
        raise PipelineError(
            f"{first[0].variant} and {second[0].variant}: no test clip has scores of both; compare runs "
            "on the same clips."
        )
    return None


def clip_matrix(runs: Sequence[Run], *columns: str) -> tuple[list[str], NDArray[np.float64]] | None:
    """Clip names and scores (columns, runs, clips) from per_clip.csv; None where a run has no such column.

    Clips whose score is undefined in any run or column are left out of all.
    """
    tables = []
    for run in runs:
        if run.clips is None or not set(columns) <= set(run.clips):
            return None
        tables.append(run.clips.drop_duplicates("name").set_index("name")[list(columns)].dropna())
    names = sorted(set.intersection(*(set(table.index) for table in tables)))
    if not names:
        return None
    return names, np.stack([table.loc[names].to_numpy(np.float64).T for table in tables], axis=1)


def score_intervals(runs: Sequence[Run], *, seed: int) -> dict[str, Interval]:
    """The 95 % interval of each variant's own test M_J, over what its clips and seeds allow."""
    found = {}
    for variant, group in by_variant(runs).items():
        scores = clip_matrix(group, "miou")
        own = compare_figures([run.figures["miou"] for run in group])
        interval = own.headline if scores is None else compare(scores[1][0], seed=seed).headline
        if interval is not None:
            found[variant] = interval
    return found


def audio_gain(runs: Sequence[Run], *, seed: int) -> dict[str, Comparison]:
    """True audio minus another clip's, by variant: what the sound is worth in M_J."""
    found = {}
    for variant, group in by_variant(runs).items():
        scores = clip_matrix(group, "miou", "swapped_miou")
        if scores is not None:
            found[variant] = compare(scores[1][0] - scores[1][1], seed=seed)
    return found
