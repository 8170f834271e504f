"""Statistical power: how many seeds would show a difference of the size and spread seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pipeline.report.intervals import LEVEL, negligible, variance_parts

POWER = 0.8
MAX_SEEDS = 1000


def seeds_to_find(differences: ArrayLike, *, level: float = LEVEL) -> int | None:
    """Fewest seeds with which `compare` would find a true difference of the size seen, 4 times in 5.

    Args:
        differences: paired (seeds, clips), as for `compare`.
        level: confidence level that the difference has to reach, of `holm_levels`.

    Returns:
        The number of seeds, or None where no number up to 1,000 suffices, or one seed shows no spread.
    """
    matrix = np.asarray(differences, dtype=np.float64)
    if min(matrix.shape) > 1:
        return crossed_seeds_needed(matrix, level=level)
    return seeds_needed(matrix.mean(axis=1), level=level) if len(matrix) > 1 else None


def seeds_needed(differences: ArrayLike, *, level: float = LEVEL) -> int | None:
    """Fewest seeds with which a paired t test would find a true difference of the size seen.

    Args:
        differences: one figure per seed (n,), n >= 2.
        level: confidence level of the test.

    Returns:
        The number of seeds (at least 2), or None where no number up to 1,000 suffices (no difference at all).
    """
    values = np.asarray(differences, dtype=np.float64)
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    if mean == 0:
        return None
    if negligible(deviation, mean):
        return 2
    seeds = np.arange(2, MAX_SEEDS + 1)
    found = t_power(abs(mean) / deviation * np.sqrt(seeds), seeds - 1, level) >= POWER
    return int(seeds[found.argmax()]) if found.any() else None


def crossed_seeds_needed(matrix: ArrayLike, *, level: float = LEVEL) -> int | None:
    """Fewest seeds with which `crossed_interval` would find a true difference of the size seen in `matrix`.

    The clips stay as they are, and with them the chance of which clips were drawn: no seed takes that away.

    Args:
        matrix: paired differences (seeds, clips), both at least 2.
        level: confidence level of the interval.

    Returns:
        The number of seeds (at least 2), or None where no number up to 1,000 suffices: then it takes more
        clips.
    """
    table = np.asarray(matrix, dtype=np.float64)
    mean, parts, (trained, clips) = float(table.mean()), variance_parts(table), table.shape
    if mean == 0:
        return None
    seeds = np.arange(2, MAX_SEEDS + 1)
    clips_alone = max(parts.clips - parts.noise, 0.0)  # what the clips add, whatever the seeds
    variance, freedom = np.empty(len(seeds)), np.empty(len(seeds))
    for place, n in enumerate(seeds.tolist()):
        share = trained / n  # the seeds' own variance and the noise shrink with the number of seeds
        noise = parts.noise * share
        scaled = parts._replace(seeds=parts.seeds * share, clips=clips_alone + noise, noise=noise)
        variance[place], freedom[place] = scaled.of_the_mean(n, clips)
    error = np.sqrt(variance)
    exact = error <= 1e-12 * abs(mean)
    found = exact | (t_power(abs(mean) / np.where(exact, 1, error), freedom, level) >= POWER)
    return int(seeds[found.argmax()]) if found.any() else None


def t_power(distance: ArrayLike, freedom: ArrayLike, level: float) -> np.ndarray:
    """Power of a two-sided t test to find a difference on the side where it is.

    Args:
        distance: of the true mean from 0, in standard errors, at least 0.
        freedom: degrees of freedom.
        level: confidence level of the test.

    Returns:
        Power, 0 to 1. The chance of a find on the wrong side is left out: it is nothing at a power of 0.8.
    """
    from statsmodels.stats.power import TTestPower

    power = TTestPower().power(distance, nobs=1, alpha=(1 - level) / 2, df=freedom, alternative="larger")
    return np.nan_to_num(power, nan=1.0)  # scipy's noncentral t is NaN at some places far from 0
