"""Power and the number of seeds against tables and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.report.intervals import crossed_interval
from pipeline.report.power import crossed_seeds_needed, seeds_needed, seeds_to_find, t_power


def test_seeds_needed_are_more_than_did_not_do() -> None:
    """Of tables of noise alone, whose parts are often estimated at nothing."""
    found = []
    for trial in range(300):
        table = 0.03 + np.random.default_rng([12, trial]).normal(0, 0.1, (2, 30))
        if crossed_interval(table).p > 0.06 and (needed := crossed_seeds_needed(table)) is not None:
            found.append(needed)
    assert len(found) > 50 and min(found) > 2


def test_seeds_to_find_at_the_level_of_the_verdict() -> None:
    table = 0.03 + np.random.default_rng(13).normal(0, 0.04, (5, 1)) + np.zeros((5, 30))
    table += np.random.default_rng(14).normal(0, 0.02, (5, 30))
    assert seeds_to_find(table, level=0.9875) == crossed_seeds_needed(table, level=0.9875)
    one, four = seeds_to_find(table), seeds_to_find(table, level=0.9875)
    assert one is not None and four is not None and one < four
    assert seeds_to_find(table[:, :1], level=0.9875) == seeds_needed(table[:, 0], level=0.9875)
    assert seeds_to_find(table[:1]) is None


def test_power_against_simulation_and_a_known_table() -> None:
    random = np.random.default_rng(6)
    trials = random.normal(0.8, 1, (4000, 10))
    found = stats.ttest_1samp(trials, 0, axis=1).pvalue < 0.05
    assert t_power(0.8 * np.sqrt(10), 9, 0.95) == pytest.approx(found.mean(), abs=0.03)
    # Cohen's tables: a paired effect of 0.5 needs 34 pairs for 80 % power
    n = np.array([33, 34])
    assert (t_power(0.5 * np.sqrt(n), n - 1, 0.95) >= 0.8).tolist() == [False, True]


def test_seeds_needed() -> None:
    values = np.array([-1.0, 1.0]) / np.sqrt(2) + 0.5  # mean 0.5, sd 1
    assert seeds_needed(values) == 34
    assert seeds_needed([0.1, 0.1]) == 2
    assert seeds_needed([-0.1, 0.1]) is None
    assert seeds_needed([0.1, 0.11]) == 2  # so far from 0 that scipy's lower tail of t would be NaN
    assert seeds_needed(np.array([-1.0, 1.0]) + 1e-4) is None


def test_power_is_a_chance_that_grows_with_the_effect_and_the_seeds() -> None:
    effects = np.linspace(0.01, 12, 60)
    power = np.array([t_power(effects * np.sqrt(n), n - 1, 0.95) for n in (2, 3, 6, 38, 51, 201)])
    assert ((power > 0.025) & (power <= 1 + 1e-9)).all()
    assert (np.diff(power, axis=0) > -1e-9).all() and (np.diff(power, axis=1) > -1e-9).all()


def test_seeds_that_settle_it_by_simulation() -> None:
    """Seeds are drawn anew, clips too: with the number named, 4 of 5 intervals leave out 0."""
    seeds, clips, effect = 4, 60, 0.03

    def draw(random: np.random.Generator, n: int) -> np.ndarray:
        by_seed, by_clip = random.normal(0, 0.03, (n, 1)), random.normal(0, 0.03, (1, clips))
        return effect + by_seed + by_clip + random.normal(0, 0.02, (n, clips))

    tables = [draw(np.random.default_rng([8, trial]), seeds) for trial in range(200)]
    # of a table whose estimates are near the true ones
    table = min(tables, key=lambda t: abs(t.mean() - effect) + abs(t.mean(1).std(ddof=1) - 0.03))
    needed = crossed_seeds_needed(table)
    assert needed is not None
    found = [
        crossed_interval(draw(np.random.default_rng([9, trial]), needed)).low > 0 for trial in range(400)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.1)


def test_no_number_of_seeds_makes_up_for_too_few_clips() -> None:
    random = np.random.default_rng(10)
    clips = random.normal(0.02, 0.25, 40)
    table = clips + 1e-4 * random.normal(size=(3, 40))  # seeds agree: only the clips' chance is left
    assert crossed_interval(table).low < 0
    assert crossed_seeds_needed(table) is None
    assert crossed_seeds_needed(np.full((3, 40), 0.1)) == 2
