"""Intervals, p values, corrections and power against scipy, hand figures and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.report.statistics import (
    Interval,
    bootstrap_interval,
    compare,
    compare_figures,
    crossed_interval,
    crossed_seeds_needed,
    holm,
    holm_levels,
    seeds_needed,
    seeds_to_find,
    sign_flip_p,
    t_interval,
    t_power,
    verdict,
)


def test_t_interval_is_scipys() -> None:
    values = [0.02, 0.05, 0.01, 0.04, 0.07]
    got, expected = t_interval(values), stats.ttest_1samp(values, 0)
    low, high = expected.confidence_interval(0.95)
    assert (got.mean, got.low, got.high, got.p) == pytest.approx((0.038, low, high, expected.pvalue))


def test_t_interval_of_two_by_hand() -> None:
    # mean 2, sd sqrt(2), standard error 1, t(0.975, 1) = 12.706
    got = t_interval([1, 3])
    assert (got.low, got.high) == pytest.approx((2 - 12.7062, 2 + 12.7062), abs=1e-3)


def test_constant_differences_have_no_width() -> None:
    assert t_interval([0.1, 0.1, 0.1]) == Interval(
        pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1), 0.0
    )
    assert t_interval([0, 0]) == Interval(0, 0, 0, 1.0)


def test_sign_flip_p_by_hand() -> None:
    # of the 8 sign patterns of (1, 2, 3) only +++ and --- reach |6|
    assert sign_flip_p([1, 2, 3], seed=0) == 2 / 8
    # |1 - 2 + 3| = 2: all but the four with |sum| 0 ... sums are 6 0 4 2 and their negatives, 6 of 8 reach 2
    assert sign_flip_p([1, -2, 3], seed=0) == 6 / 8


def test_sampled_sign_flips_agree_with_all_of_them() -> None:
    values = np.random.default_rng(1).normal(0.4, 1, 13)
    assert sign_flip_p(values, seed=0, draws=8191) == pytest.approx(sign_flip_p(values, seed=0), abs=0.02)


def test_sign_flip_p_is_uniform_under_the_null() -> None:
    random = np.random.default_rng(2)
    found = [sign_flip_p(random.normal(0, 1, 12), seed=0) for _ in range(400)]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_bootstrap_is_seeded_and_close_to_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.1, 0.5, 400)
    first = bootstrap_interval(values, seed=5)
    assert first == bootstrap_interval(values, seed=5)
    assert first != bootstrap_interval(values, seed=6)
    reach = 1.96 * values.std() / 20
    assert (first.low, first.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.005)


def test_bootstrap_covers_the_truth() -> None:
    """95 % of the intervals hold the true mean; 40 values are enough for within 4 %."""
    random = np.random.default_rng(4)
    hits = 0
    for trial in range(300):
        got = bootstrap_interval(random.exponential(1, 40), seed=trial, draws=500)
        hits += got.low <= 1 <= got.high
    assert 0.88 <= hits / 300 <= 0.98


@pytest.mark.parametrize(("seed_sd", "clip_sd"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3), (0.2, 0.2)])
def test_crossed_interval_covers_new_seeds_and_new_clips(seed_sd: float, clip_sd: float) -> None:
    random = np.random.default_rng([5, int(seed_sd * 10), int(clip_sd * 10)])
    hits = 0
    for _ in range(400):
        table = 0.1 + random.normal(0, seed_sd, (4, 1)) + random.normal(0, clip_sd, (1, 30))
        got = crossed_interval(table + random.normal(0, 0.2, (4, 30)))
        hits += got.low <= 0.1 <= got.high
    assert hits / 400 >= 0.92


@pytest.mark.parametrize(("seeds", "least", "most"), [(2, 0.84, 0.93), (3, 0.88, 0.96), (6, 0.93, 0.98)])
def test_with_few_seeds_the_crossed_interval_is_too_narrow(seeds: int, least: float, most: float) -> None:
    """As its docstring, the report and docs/listening.md say; seeds differ here by as much as clips."""
    random = np.random.default_rng([11, seeds])
    hits = 0
    for _ in range(1500):
        table = random.normal(0, 0.05, (seeds, 1)) + random.normal(0, 0.1, (1, 36))
        got = crossed_interval(table + random.normal(0, 0.1, (seeds, 36)))
        hits += got.low <= 0 <= got.high
    assert least <= hits / 1500 <= most


def test_crossed_interval_by_hand() -> None:
    # mean 3.5, of the seeds 3 and 4, of the clips 1, 3.5, 6; residuals -.5 0 .5 / .5 0 -.5
    got = crossed_interval([[0, 3, 6], [2, 4, 6]])
    seed, clip, noise = 0.5 / 2, 6.25 / 3, (4 * 0.25 / 2) / 6
    variance = seed + clip - noise
    freedom = variance**2 / (seed**2 / 1 + clip**2 / 2 + noise**2 / 2)
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert (got.low, got.high) == pytest.approx((3.5 - reach, 3.5 + reach))
    # seeds agree: less than their own variance it cannot be, nor the freedom less than that of one seed
    flat = crossed_interval([[0, 3, 6], [0, 3, 6]])
    assert flat.high - 3 == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(9 / 3))
    # clips that all answer alike but for noise: the sum of the parts is below the seeds' own
    noisy = crossed_interval([[0.0, 1.0], [1.0, 0.0]])
    assert (noisy.mean, noisy.low) == (0.5, 0.5)


def test_the_observed_flip_counts_among_the_drawn_ones() -> None:
    """Phipson & Smyth 2010: of 10 drawn flips of 20 equal values none is as extreme, and p is 1/11."""
    assert sign_flip_p(np.ones(20), seed=0, draws=10) == 1 / 11


def test_seeds_needed_are_more_than_did_not_do() -> None:
    """Of tables of noise alone, whose parts are often estimated at nothing."""
    found = []
    for trial in range(300):
        table = 0.03 + np.random.default_rng([12, trial]).normal(0, 0.1, (2, 30))
        if crossed_interval(table).p > 0.06 and (needed := crossed_seeds_needed(table)) is not None:
            found.append(needed)
    assert len(found) > 50 and min(found) > 2


def test_crossed_interval_is_the_t_interval_where_only_seeds_differ() -> None:
    by_seed = np.array([0.1, 0.3, 0.2])
    table = np.repeat(by_seed[:, None], 50, axis=1)
    got, expected = crossed_interval(table), t_interval(by_seed)
    assert (got.low, got.high, got.p) == pytest.approx((expected.low, expected.high, expected.p))


def test_holm_by_hand() -> None:
    # sorted 0.01 0.02 0.03 0.04 times 4 3 2 1 = 0.04 0.06 0.06 0.04, never falling: 0.04 0.06 0.06 0.06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_helps_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)


def test_holm_levels_by_hand() -> None:
    # 0.001 is found whatever the others are: they share 0.05 by three, it alone by four
    assert holm_levels([0.03, 0.001, 0.04, 1.0]) == pytest.approx([1 - 0.05 / f for f in (3, 4, 3, 3)])
    assert holm_levels([0.01, 0.0]) == pytest.approx([0.95, 0.95])
    assert holm_levels([0.5]) == pytest.approx([0.95]) and holm_levels([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(0, 7))
def test_a_p_value_below_its_level_is_found_after_correction(p_values: list[float], place: int) -> None:
    place %= len(p_values)
    limit = 1 - holm_levels(p_values)[place]
    for p, found in ((limit * 0.999, True), (limit * 1.001, False)):
        assert (holm([*p_values[:place], p, *p_values[place + 1 :]])[place] < 0.05) == found


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
    assert t_power(0.8, 10) == pytest.approx(found.mean(), abs=0.03)
    # Cohen's tables: a paired effect of 0.5 needs 34 pairs for 80 % power
    assert t_power(0.5, 33) < 0.8 <= t_power(0.5, 34)


def test_seeds_needed() -> None:
    values = np.array([-1.0, 1.0]) / np.sqrt(2) + 0.5  # mean 0.5, sd 1
    assert seeds_needed(values) == 34
    assert seeds_needed([0.1, 0.1]) == 2
    assert seeds_needed([-0.1, 0.1]) is None
    assert seeds_needed([0.1, 0.11]) == 2  # so far from 0 that scipy's lower tail of t is NaN
    assert seeds_needed(np.array([-1.0, 1.0]) + 1e-4) is None


def test_power_is_a_chance_that_grows_with_the_effect_and_the_seeds() -> None:
    effects = np.linspace(0.01, 12, 60)
    power = np.array([[t_power(effect, n) for effect in effects] for n in (2, 3, 6, 38, 51, 201)])
    assert ((power > 0.049) & (power <= 1 + 1e-9)).all()
    assert (np.diff(power, axis=0) > -1e-9).all() and (np.diff(power, axis=1) > -1e-9).all()


def test_compare_takes_the_widest_claim_that_the_data_supports() -> None:
    table = 0.1 + np.random.default_rng(7).normal(0, 0.01, (3, 20))
    both = compare(table, seed=0)
    assert both.headline is both.both is not None
    assert both.verdict == "better" and both.n_seeds == 3 and both.n_clips == 20
    one = compare(-table[:1], seed=0)
    assert one.headline is one.clips and one.verdict == "worse"
    assert compare(table[:, :1], seed=0).headline == t_interval(table[:, 0])
    assert compare(table[:1, :1], seed=0).headline is None


def test_compare_figures() -> None:
    assert compare_figures([0.1, 0.2]).headline == t_interval([0.1, 0.2])
    assert compare_figures([0.1]).verdict == "cannot tell"


def test_one_good_seed_does_not_make_a_method_better() -> None:
    """Clips agree, seeds do not: sure for these models, not for the method."""
    table = np.array([[0.3], [0.0], [-0.1]]) + np.random.default_rng(8).normal(0, 0.01, (3, 40))
    got = compare(table, seed=0)
    assert verdict(got.clips) == "better"
    assert got.verdict == "cannot tell"


@pytest.mark.parametrize("function", [t_interval, lambda v: bootstrap_interval(v, seed=0)])
def test_too_few_values(function) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        function([0.1])


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="2 seeds"):
        crossed_interval(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="matrix"):
        compare(np.zeros(5), seed=0)


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
