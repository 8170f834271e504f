"""Which runs are compared, over which clips and seeds, and how p values are corrected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou
from pipeline.report import text
from pipeline.report.compare import audio_gain, compare_variants
from pipeline.report.holm import holm
from pipeline.report.listening import compare_listening, g_miou_by_clip
from pipeline.report.summary import summarise
from pipeline.utils.errors import PipelineError
from tests.helpers.report_runs import pair, run


def test_pairs_are_matched_by_clip_name_and_seed() -> None:
    first = {"a": 0.5, "b": 0.3, "c": 0.4}
    second = {"c": 0.5, "b": 0.4, "a": 0.6}  # another order of rows
    pairs = compare_variants([run("baseline", 1, first), run("proposed", 1, second)], seed=0)
    assert len(pairs) == 1
    assert pairs[0].comparison.difference == pytest.approx(0.1)
    assert (pairs[0].interval.low, pairs[0].interval.high) == pytest.approx((0.1, 0.1))


def test_only_common_seeds_count() -> None:
    scores = {"a": 0.5, "b": 0.3}
    runs = [run("baseline", 1, scores), run("baseline", 2, scores), run("proposed", 2, scores)]
    assert compare_variants(runs, seed=0)[0].comparison.n_seeds == 1
    assert compare_variants([run("baseline", 1, scores), run("proposed", 2, scores)], seed=0) == []


def test_every_variant_against_baseline_and_proposed_with_holm() -> None:
    random = np.random.default_rng(0)
    runs = [
        run(variant, seed, {f"c{n}": level + 0.05 * random.random() for n in range(8)})
        for variant, level in (("baseline", 0.5), ("proposed", 0.51), ("silent", 0.3))
        for seed in (1, 2, 3)
    ]
    pairs = compare_variants(runs, seed=0)
    assert [(p.variant, p.against) for p in pairs] == [
        ("proposed", "baseline"),
        ("silent", "baseline"),
        ("silent", "proposed"),
    ]
    assert [p.p for p in pairs] == holm([p.interval.p for p in pairs])
    assert pairs[1].verdict == "worse"


def test_proposed_is_measured_against_the_control_with_the_same_boxes() -> None:
    scores = {"a": 0.5, "b": 0.3}
    runs = [run(variant, 1, scores) for variant in ("baseline", "boxes-only", "proposed")]
    assert [(p.variant, p.against) for p in compare_variants(runs, seed=0)] == [
        ("boxes-only", "baseline"),
        ("proposed", "baseline"),
        ("proposed", "boxes-only"),
    ]


def test_g_miou_by_clip_has_the_runs_own_g_as_its_mean_and_the_right_slope() -> None:
    positive, negative = np.array([[0.9, 0.7, 0.8], [0.5, 0.6, 0.7]]), np.array([[0.2, 0.1, 0.6], [0.5] * 3])
    by_clip = g_miou_by_clip(positive, negative)
    assert by_clip.mean(axis=1) == pytest.approx([g_miou(0.8, 0.3), g_miou(0.6, 0.5)])
    # one clip a little better: G of the changed means, to first order
    step = 1e-5
    slope = (g_miou(0.8 + step / 3, 0.3) - g_miou(0.8, 0.3)) / (step / 3)
    assert by_clip[0, 0] - by_clip[0].mean() == pytest.approx(
        slope * 0.1 + (g_miou(0.8, 0.3 + step) - g_miou(0.8, 0.3)) / step * -0.1, abs=1e-4
    )
    assert g_miou_by_clip(np.zeros((1, 2)), np.ones((1, 2))).tolist() == [[0, 0]]


def test_listening_pairs_are_corrected_together() -> None:
    random = np.random.default_rng(0)
    runs = []
    for variant, fooled in (("baseline", 0.4), ("listening", 0.1)):
        for seed in (1, 2, 3):
            made = run(variant, seed, {f"c{n}": 0.5 + 0.02 * random.random() for n in range(8)})
            for condition in NEGATIVE_CONDITIONS:
                made.clips[f"miou_{condition}"] = fooled + 0.02 * random.random(8)
            runs.append(made)
    pairs = compare_listening(runs, seed=0)
    assert [pair.figure for pair in pairs] == [f"g_miou_{condition}" for condition in NEGATIVE_CONDITIONS]
    assert {pair.verdict for pair in pairs} == {"better"}
    assert [pair.p for pair in pairs] == holm([pair.interval.p for pair in pairs])
    summary = summarise(runs, pairs)["difference"]["listening-baseline"]
    assert summary["g_miou_silence"]["g_miou_silence"] == pytest.approx(
        g_miou(0.51, 0.11) - g_miou(0.51, 0.41), abs=0.01
    )


def test_hearing_is_true_minus_swapped() -> None:
    found = audio_gain([run("baseline", 1, {"a": 0.5, "b": 0.3}, swapped=0.1)], seed=0)
    assert found["baseline"].difference == pytest.approx(0.3)


def test_clips_that_only_one_of_them_has_are_left_out() -> None:
    first = {"a": 0.5, "b": 0.3, "only here": 0.9}
    second = {"a": 0.6, "b": 0.4, "only there": 0.0}
    (found,) = compare_variants([run("baseline", 1, first), run("proposed", 1, second)], seed=0)
    assert found.comparison.difference == pytest.approx(0.1) and found.comparison.n_clips == 2


def test_no_clip_in_common_is_an_error() -> None:
    runs = [run("baseline", 1, {"a": 0.5}), run("proposed", 1, {"b": 0.6})]
    with pytest.raises(PipelineError, match="proposed and baseline: no test clip has scores of both"):
        compare_variants(runs, seed=0)


def test_a_verdict_stands_by_the_corrected_p_value() -> None:
    sure = pair(0.01, 0.03)
    assert replace(sure, p=0.04).verdict == "better"
    chance = replace(sure, p=0.06)
    assert chance.verdict == "cannot tell"
    said = text.compare_sentence(chance)
    assert "may be chance (p 0.060 after correction)" in said and "includes 0" not in said
