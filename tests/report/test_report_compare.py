"""Pairs of variants, summary.json, tables and sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.files import write_json
from pipeline.listening import NEGATIVES, g_miou
from pipeline.overlay import HIT
from pipeline.report import sentences
from pipeline.report.compare import Pair, compare_variants, hearing
from pipeline.report.figures import image_uri, variant_colours
from pipeline.report.inputs import Run, read_curves
from pipeline.report.listening import compare_listening, g_miou_by_clip
from pipeline.report.page import symbols
from pipeline.report.pictures import clip_and_kind
from pipeline.report.summary import summarise
from pipeline.report.tables import category_rows, mean_of, variant_rows
from pipeline.report.transfer import transfer_rows
from pipeline.statistics import Comparison, Interval, compare, crossed_seeds_needed, holm, seeds_needed


def run(variant: str, seed: int, scores: dict[str, float], swapped: float = 0.1, **figures: float) -> Run:
    clips = pd.DataFrame({"name": list(scores), "miou": list(scores.values()), "swapped_miou": swapped})
    base = {"miou": float(clips["miou"].mean()), "fscore": 0.6, "val_miou": 0.5, "best_epoch": 3, "epochs": 5}
    return Run(variant, seed, {**base, "swapped_miou": swapped, **figures}, clips=clips)


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
            for condition in NEGATIVES:
                made.clips[f"miou_{condition}"] = fooled + 0.02 * random.random(8)
            runs.append(made)
    pairs = compare_listening(runs, seed=0)
    assert [pair.figure for pair in pairs] == [f"g_miou_{condition}" for condition in NEGATIVES]
    assert {pair.verdict for pair in pairs} == {"better"}
    assert [pair.p for pair in pairs] == holm([pair.interval.p for pair in pairs])
    summary = summarise(runs, pairs)["difference"]["listening-baseline"]
    assert summary["g_miou_silence"]["g_miou_silence"] == pytest.approx(
        g_miou(0.51, 0.11) - g_miou(0.51, 0.41), abs=0.01
    )


def test_a_model_without_sound_is_the_measure_of_what_the_sound_is_worth() -> None:
    rows = variant_rows([run("proposed", 1, {"a": 0.6}), run("silent", 1, {"a": 0.4})])
    assert "Trained without sound (silent) the M_J is 0.400: the true sound gives 1.50 times" in (
        sentences.hearing_sentence(rows[0], silent=rows[1])
    )


def test_hearing_is_true_minus_swapped() -> None:
    found = hearing([run("baseline", 1, {"a": 0.5, "b": 0.3}, swapped=0.1)], seed=0)
    assert found["baseline"].difference == pytest.approx(0.3)


def test_summary_has_every_figure_and_nothing_undefined(finish: Callable, tmp_path) -> None:
    finished = finish(extras=False)
    runs = finished.runs()
    runs[0].figures["odd"] = float("nan")
    runs[0].figures["flag"] = True
    summary = summarise(runs, compare_variants(runs, seed=0))
    write_json(tmp_path / "summary.json", summary)  # refuses NaN
    mious = [r.figures["miou"] for r in runs if r.variant == "baseline"]
    baseline = summary["baseline"]
    assert baseline["miou"] == pytest.approx(np.mean(mious))
    assert baseline["miou_std"] == pytest.approx(np.std(mious, ddof=1))
    assert baseline["true_over_swapped"] == pytest.approx(baseline["miou"] / baseline["swapped_miou"])
    assert baseline["seeds"] == 2 and "odd" not in baseline and "flag" not in baseline
    assert {"miou", "miou_low", "miou_high", "p", "p_corrected", "verdict"} <= summary["difference"][
        "proposed-baseline"
    ].keys()


def test_summary_of_one_seed_and_one_variant(finish: Callable) -> None:
    runs = finish(("baseline",), (1,), extras=False).runs()
    runs[0].figures["swapped_miou"] = 0
    summary = json.loads(json.dumps(summarise(runs, []), allow_nan=False))
    assert summary["difference"] == {}
    assert "miou_std" not in summary["baseline"] and "true_over_swapped" not in summary["baseline"]


def test_category_rows_by_hand() -> None:
    tables = [
        pd.DataFrame({"category": ["a", "b"], "clips": [2, 6], "miou": miou, "fscore": [0.5, 0.7]})
        for miou in ([0.2, 0.4], [0.4, 0.6])
    ]
    runs = [Run("baseline", seed, variant_figures(), categories=table) for seed, table in enumerate(tables)]
    variants, rows = category_rows(runs)
    assert variants == ["baseline"]
    assert [(row.category, row.clips) for row in rows] == [("a", 2), ("b", 6), ("mean over categories", 8)]
    assert [row.scores[0][0] for row in rows] == pytest.approx([0.3, 0.5, 0.4])


def variant_figures() -> dict:
    return {"miou": 0.5, "fscore": 0.5, "val_miou": 0.5, "best_epoch": 1, "epochs": 2}


def test_mean_of() -> None:
    assert str(mean_of([0.1, 0.3])) == "0.200 ± 0.141"
    assert str(mean_of([0.25])) == "0.250"
    assert mean_of([float("nan"), None, "x"]) is None


def pair(low: float, high: float, seeds: int = 3) -> Pair:
    interval = Interval((low + high) / 2, low, high, 0.5)
    several = interval if seeds > 1 else None
    comparison = Comparison(interval.mean, seeds, 36, interval, several, several)
    return Pair("proposed", "baseline", "miou", comparison, seeds_needed=7)


def test_sentences_say_better_worse_or_cannot_tell() -> None:
    assert pair(0.01, 0.03).verdict == "better"
    assert pair(-0.03, -0.01).verdict == "worse"
    said = sentences.compare_sentence(pair(-0.01, 0.03))
    assert "0.010 above" in said and "−0.010 to +0.030" in said and "does not tell the two apart" in said
    assert "over 36 test clips and 3 seeds" in said and "about 9 cases of 10" in said
    assert "another training may come out differently" in sentences.compare_sentence(pair(0.1, 0.2, seeds=1))
    assert "with 7 seeds; 3 were trained" in sentences.power_sentence(pair(0.1, 0.2))
    assert "cannot be said from one" in sentences.power_sentence(pair(0.1, 0.2, seeds=1))


@pytest.mark.parametrize(
    ("swapped", "said"),
    [
        (0.1, "5.0 times as much. It listens."),
        (0.4, "1.25 times"),
        (0.5, "hardly depend"),
        (0.0, "0.000 with another clip's. It listens."),
        (0.7, "fit better under another clip's."),
    ],
)
def test_hearing_sentence(swapped: float, said: str) -> None:
    row = variant_rows([run("proposed", 1, {"a": 0.5}, swapped=swapped)])[0]
    assert said in sentences.hearing_sentence(row)


def test_of_one_difference_no_correction_is_spoken_of() -> None:
    """Five clips that all agree: the interval leaves 0 out, and no sign flip can be rarer than 2 of 32."""
    five = {name: 0.5 + 0.01 * place for place, name in enumerate("abcde")}
    other = {name: score - 0.1 - 0.001 * place for place, (name, score) in enumerate(five.items())}
    (one,) = compare_variants([run("baseline", 1, other), run("proposed", 1, five)], seed=0)
    assert one.p == 2 / 32 and one.interval is not None and one.interval.low > 0
    said = sentences.compare_sentence(one)
    assert "By its p value a difference like it may be chance (p 0.062)." in said and "correction" not in said
    many = replace(one, p=0.2)
    assert "Among several differences one like it may be chance (p 0.200 after correction)." in (
        sentences.compare_sentence(many)
    )


def test_a_model_that_finds_nothing_or_whose_gain_may_be_chance_is_not_said_to_listen() -> None:
    nothing = variant_rows([run("proposed", 1, {"a": 0.0}, swapped=0.0)])[0]
    assert sentences.hearing_sentence(nothing).endswith("another clip's.")
    row = variant_rows([run("proposed", 1, {"a": 0.009}, swapped=0.004)])[0]
    random = np.random.default_rng(0)
    chance = compare(random.normal(0.001, 0.05, (1, 40)), seed=0)
    assert chance.verdict == "cannot tell"
    said = sentences.hearing_sentence(row, chance)
    assert said.endswith("Whether the sound matters cannot be told.") and "listens" not in said
    sure = compare(random.normal(0.3, 0.05, (1, 40)), seed=0)
    assert "It listens." in sentences.hearing_sentence(row, sure)


@pytest.mark.parametrize(
    ("source", "demo", "crowded", "said"),
    [
        ("demo", {}, False, "trained with two objects in view and tested on other data:"),
        ("demo", {}, True, "tested with a second, silent object beside it:"),
        (
            "demo",
            {"silent_objects": 0},
            False,
            "trained with the sounding object alone in view and tested on",
        ),
        ("demo", {"setting": "ms3", "silent_objects": 0}, True, "trained where one or two of the objects in"),
        ("s4", {"silent_objects": 0}, False, "trained on this data and tested on other data:"),
    ],
)
def test_where_a_model_was_trained_and_tested(source: str, demo: dict, crowded: bool, said: str) -> None:
    models = {"a-1": {"variant": "a", "figures": {"miou": 0.8, "swapped_miou": 0.0}}}
    (row,) = transfer_rows({"models": models})
    sentence = sentences.transfer_sentence(row, {"data": {"source": source}, "demo": demo}, crowded)
    assert said in sentence and sentence.endswith("it follows the sound.")


def half_swapped(variant: str = "baseline") -> Run:
    """A model that does not listen; the clips that are easy have no other category's sound."""
    made = run(variant, 1, {f"c{n}": 0.2 if n < 10 else 0.8 for n in range(20)}, swapped=0.2)
    made.clips.loc[10:, "swapped_miou"] = np.nan
    return made


def test_true_and_anothers_sound_are_compared_over_the_same_clips() -> None:
    made = half_swapped()
    (row,) = variant_rows([made])
    assert row.miou.mean == pytest.approx(0.5) and row.true_over_swapped == pytest.approx(1)
    assert (
        "baseline: 0.200 with the true sound, 0.200 with another clip's (over the clips that have one)"
        in (sentences.hearing_sentence(row))
    )
    summary = summarise([made], [])["baseline"]
    assert summary["miou"] == pytest.approx(0.5) and summary["true_over_swapped"] == pytest.approx(1)


def test_in_another_world_too() -> None:
    model = {"variant": "a", "figures": {"miou": 0.5, "swapped_miou": 0.2}, "miou_where_swapped": 0.2}
    (row,) = transfer_rows({"models": {"a-1": model}})
    said = sentences.transfer_sentence(row, {}, False)
    assert "M_J 0.200 with the true sound, 0.200 with another clip's (over the clips that have one)" in said
    assert said.endswith("it hardly follows the sound.") and row.miou.mean == 0.5


def test_a_few_clips_that_agree_are_not_enough_to_say_that_it_listens() -> None:
    few = [run("baseline", 1, dict(zip("abcde", (0.6, 0.5, 0.7, 0.55, 0.65), strict=True)), swapped=0.2)]
    gain = hearing(few, seed=0)["baseline"]
    assert gain.verdict == "better" and gain.headline.p == 2 / 32
    said = sentences.hearing_sentence(variant_rows(few)[0], gain)
    assert said.endswith("Whether the sound matters cannot be told.")


def test_seeds_needed_are_at_the_level_of_the_verdict() -> None:
    random = np.random.default_rng(3)
    runs = [
        run(variant, seed, {f"c{n}": level + wobble + 0.02 * random.random() for n in range(12)})
        for variant, level in (("baseline", 0.5), ("one", 0.52), ("two", 0.51), ("three", 0.51))
        for seed in (1, 2, 3, 4)
        for wobble in [0 if variant == "baseline" else 0.02 * random.standard_normal()]
    ]
    alone = compare_variants([r for r in runs if r.variant in ("baseline", "one")], seed=0)[0]
    among = compare_variants(runs, seed=0)[0]
    assert alone.comparison == among.comparison and among.verdict == "cannot tell"
    assert {p.verdict for p in compare_variants(runs, seed=0)} == {"cannot tell"}  # so that each is one of 3
    table = np.array([r.clips["miou"] for r in runs if r.variant == "one"]) - np.array(
        [r.clips["miou"] for r in runs if r.variant == "baseline"]
    )
    assert alone.seeds_needed == crossed_seeds_needed(table)
    assert among.seeds_needed == crossed_seeds_needed(table, level=1 - 0.05 / 3) > alone.seeds_needed
    assert f"with {among.seeds_needed} seeds; 4 were trained" in sentences.power_sentence(among)
    assert summarise(runs, [among])["difference"]["one-baseline"]["seeds_needed"] == among.seeds_needed
    # whole-set figures, where no clip has a score
    figures = [replace(r, clips=None) for r in runs]
    whole = compare_variants(figures, seed=0)[0]
    assert whole.seeds_needed == seeds_needed(table.mean(axis=1), level=1 - 0.05 / 3)


def test_a_variant_without_audio_is_not_said_to_listen() -> None:
    row = variant_rows([run("silent", 1, {"a": 0.5}, swapped=0.5)])[0]
    assert sentences.hearing_sentence(row) == "silent: hears nothing, by construction."


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0214, "+0.021"), (-0.0044, "−0.004"), (-0.0001, "0.000"), (0, "0.000")]
)
def test_signed(value: float, shown: str) -> None:
    assert sentences.signed(value) == shown


def test_symbols_escape_first() -> None:
    assert symbols("<i> M_J and M_F") == "&lt;i&gt; M<sub>J</sub> and M<sub>F</sub>"


def test_kinds_of_pictures(tmp_path) -> None:
    names = ("-x.image.png", "a.b.truth.png", "a.silence.png", "plain.png", "video.mp4.png")
    assert [clip_and_kind(tmp_path / name) for name in names] == [
        ("-x", "image"),
        ("a.b", "truth"),
        ("a", "silence"),
        ("plain", "picture"),
        ("video.mp4", "picture"),
    ]


def test_variants_keep_their_colours() -> None:
    alone = variant_colours(["proposed"])["proposed"]
    many = variant_colours(["mine", "baseline", "proposed"])
    assert many["proposed"] == alone and len(set(many.values())) == 3


def test_pictures_are_shrunk_to_their_column() -> None:
    uri, width, height = image_uri(np.full((100, 1000, 3), HIT, np.uint8), width=500, quality=80)
    assert (width, height) == (500, 50) and re.match(r"data:image/jpeg;base64,[\w+/=]+$", uri)


def test_curves_count_epochs_from_1_and_take_the_later_of_two(tmp_path) -> None:
    path = tmp_path / "plots/metrics/train/loss.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("step\tloss\n0\t3.0\n1\t2.0\n1\t1.5\n2\tnan\n")
    curve = read_curves(tmp_path)["train/loss"]
    assert curve.dropna().to_dict() == {1: 3.0, 2: 1.5}


def test_dvclives_own_files_are_read(tmp_path) -> None:
    from dvclive import Live

    with Live(str(tmp_path / "live"), dvcyaml=None, save_dvc_exp=False, report=None) as live:
        for value in (0.5, 0.25):
            live.log_metric("train/loss", value)
            live.log_metric("val/miou", 1 - value)
            live.next_step()
    curves = read_curves(tmp_path / "live")
    assert curves["train/loss"].to_dict() == {1: 0.5, 2: 0.25}
    assert list(curves) == ["train/loss", "val/miou"]


def test_one_training_is_never_a_plain_verdict() -> None:
    assert sentences.verdict_words(pair(0.1, 0.2)) == "Better"
    assert sentences.verdict_words(pair(0.1, 0.2, seeds=1)) == "Better, as far as one training tells"
    assert sentences.verdict_words(pair(-0.1, 0.2, seeds=1)) == "Cannot tell"


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
    said = sentences.compare_sentence(chance)
    assert "may be chance (p 0.060 after correction)" in said and "holds 0" not in said


def test_what_more_seeds_cannot_settle() -> None:
    few = pair(-0.01, 0.03)
    few = replace(few, seeds_needed=None, figure="g_miou_silence")
    assert "or more test clips" in sentences.power_sentence(few)
    assert "takes more test clips" in sentences.listening_sentence("proposed", [few], {})
    seven = replace(pair(-0.01, 0.03), figure="g_miou_silence")
    assert "To settle what is open: 7 seeds." in sentences.listening_sentence("proposed", [seven], {})
    corrected = replace(pair(0.01, 0.03), figure="g_miou_silence", p=0.06)
    said = sentences.listening_sentence("proposed", [corrected], {})
    assert "not to be told from baseline" in said and "To settle what is open: 7 seeds." in said
