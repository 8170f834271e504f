"""What the report says in words: as much as the figures bear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.report import data_text, text
from pipeline.report.compare import audio_gain, compare_variants
from pipeline.report.inputs import Run
from pipeline.report.intervals import compare
from pipeline.report.power import crossed_seeds_needed, seeds_needed
from pipeline.report.summary import summarise
from pipeline.report.tables import variant_rows
from pipeline.report.transfer import transfer_rows
from pipeline.report.tsne import Panel
from tests.helpers.report_runs import pair, run


def test_a_model_without_sound_is_the_measure_of_what_the_sound_is_worth() -> None:
    rows = variant_rows([run("proposed", 1, {"a": 0.6}), run("silent", 1, {"a": 0.4})])
    assert "Trained without sound (silent) the M_J is 0.400: the true sound gives 1.50 times" in (
        text.audio_gain_sentence(rows[0], control=rows[1])
    )


def test_sentences_say_better_worse_or_cannot_tell() -> None:
    assert pair(0.01, 0.03).verdict == "better"
    assert pair(-0.03, -0.01).verdict == "worse"
    said = text.compare_sentence(pair(-0.01, 0.03))
    assert "0.010 above" in said and "−0.010 to +0.030" in said and "does not separate the two" in said
    assert "over 36 test clips and 3 seeds" in said and "about 9 cases of 10" in said
    assert "another training may give another result" in text.compare_sentence(pair(0.1, 0.2, seeds=1))
    assert "with 7 seeds; 3 were trained" in text.power_sentence(pair(0.1, 0.2))
    assert "One seed does not show" in text.power_sentence(pair(0.1, 0.2, seeds=1))


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
    assert said in text.audio_gain_sentence(row)


def test_of_one_difference_no_correction_is_spoken_of() -> None:
    """Five clips that all agree: the interval leaves 0 out, and no sign flip can be rarer than 2 of 32."""
    five = {name: 0.5 + 0.01 * place for place, name in enumerate("abcde")}
    other = {name: score - 0.1 - 0.001 * place for place, (name, score) in enumerate(five.items())}
    (one,) = compare_variants([run("baseline", 1, other), run("proposed", 1, five)], seed=0)
    assert one.p == 2 / 32 and one.interval is not None and one.interval.low > 0
    said = text.compare_sentence(one)
    assert "By its p value a difference this large may be chance (p 0.062)." in said
    assert "correction" not in said
    many = replace(one, p=0.2)
    assert "Among several differences one this large may be chance (p 0.200 after correction)." in (
        text.compare_sentence(many)
    )


def test_a_model_that_finds_nothing_or_whose_gain_may_be_chance_is_not_said_to_listen() -> None:
    nothing = variant_rows([run("proposed", 1, {"a": 0.0}, swapped=0.0)])[0]
    assert text.audio_gain_sentence(nothing).endswith("another clip's.")
    row = variant_rows([run("proposed", 1, {"a": 0.009}, swapped=0.004)])[0]
    random = np.random.default_rng(0)
    chance = compare(random.normal(0.001, 0.05, (1, 40)), seed=0)
    assert chance.verdict == "cannot tell"
    said = text.audio_gain_sentence(row, chance)
    assert said.endswith("It is unclear whether the sound matters.") and "listens" not in said
    sure = compare(random.normal(0.3, 0.05, (1, 40)), seed=0)
    assert "It listens." in text.audio_gain_sentence(row, sure)


@pytest.mark.parametrize(
    ("source", "demo", "two_source", "said"),
    [
        ("demo", {}, False, "trained with two objects in view and tested on other data:"),
        ("demo", {}, True, "tested with a second, silent object next to it:"),
        (
            "demo",
            {"silent_objects": 0},
            False,
            "trained with only the sounding object in view and tested on",
        ),
        ("demo", {"setting": "ms3", "silent_objects": 1}, True, "trained where one or two of the objects in"),
        (
            "demo",
            {"setting": "ms3", "silent_objects": 0},
            True,
            "trained where one or two objects are in view, and all of them sound and tested",
        ),
        ("s4", {"silent_objects": 0}, False, "trained on this data and tested on other data:"),
    ],
)
def test_where_a_model_was_trained_and_tested(source: str, demo: dict, two_source: bool, said: str) -> None:
    figures = {"miou": 0.8, "swapped_miou": 0.0}
    models = {"a-1": {"variant": "a", "figures": figures, "miou_where_swapped": 0.8}}
    (row,) = transfer_rows({"models": models})
    sentence = data_text.transfer_sentence(row, {"data": {"source": source}, "demo": demo}, two_source)
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
        in (text.audio_gain_sentence(row))
    )
    summary = summarise([made], [])["baseline"]
    assert summary["miou"] == pytest.approx(0.5) and summary["true_over_swapped"] == pytest.approx(1)


def test_on_another_data_set_too() -> None:
    model = {"variant": "a", "figures": {"miou": 0.5, "swapped_miou": 0.2}, "miou_where_swapped": 0.2}
    (row,) = transfer_rows({"models": {"a-1": model}})
    said = data_text.transfer_sentence(row, {}, False)
    assert "M_J 0.200 with the true sound, 0.200 with another clip's (over the clips that have one)" in said
    assert said.endswith("it hardly follows the sound.") and row.miou.mean == 0.5


def test_a_few_clips_that_agree_are_not_enough_to_say_that_it_listens() -> None:
    few = [run("baseline", 1, dict(zip("abcde", (0.6, 0.5, 0.7, 0.55, 0.65), strict=True)), swapped=0.2)]
    gain = audio_gain(few, seed=0)["baseline"]
    assert gain.verdict == "better" and gain.headline.p == 2 / 32
    said = text.audio_gain_sentence(variant_rows(few)[0], gain)
    assert said.endswith("It is unclear whether the sound matters.")


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
    assert f"with {among.seeds_needed} seeds; 4 were trained" in text.power_sentence(among)
    assert summarise(runs, [among])["difference"]["one-baseline"]["seeds_needed"] == among.seeds_needed
    # whole-set figures, where no clip has a score
    figures = [replace(r, clips=None) for r in runs]
    whole = compare_variants(figures, seed=0)[0]
    assert whole.seeds_needed == seeds_needed(table.mean(axis=1), level=1 - 0.05 / 3)


def test_a_variant_without_audio_is_not_said_to_listen() -> None:
    row = variant_rows([run("silent", 1, {"a": 0.5}, swapped=0.5)])[0]
    assert text.audio_gain_sentence(row) == "silent: has no audio input, by construction."


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0214, "+0.021"), (-0.0044, "−0.004"), (-0.0001, "0.000"), (0, "0.000")]
)
def test_signed(value: float, shown: str) -> None:
    assert text.signed(value) == shown


def test_one_training_is_never_a_plain_verdict() -> None:
    assert text.verdict_words(pair(0.1, 0.2)) == "Better"
    assert text.verdict_words(pair(0.1, 0.2, seeds=1)) == "Better, as far as one training shows"
    assert text.verdict_words(pair(-0.1, 0.2, seeds=1)) == "Cannot tell"


def test_what_more_seeds_cannot_settle() -> None:
    few = pair(-0.01, 0.03)
    few = replace(few, seeds_needed=None, figure="g_miou_silence")
    assert "or more test clips" in text.power_sentence(few)
    assert "takes more test clips" in text.listening_sentence("proposed", [few], {})
    seven = replace(pair(-0.01, 0.03), figure="g_miou_silence")
    assert "To settle what is open: 7 seeds." in text.listening_sentence("proposed", [seven], {})
    corrected = replace(pair(0.01, 0.03), figure="g_miou_silence", p=0.06)
    said = text.listening_sentence("proposed", [corrected], {})
    assert "indistinguishable from baseline" in said and "To settle what is open: 7 seeds." in said


def deaf(wobble: float, variant: str = "baseline") -> list[Run]:
    """Five seeds of a model whose masks under another's sound differ by chance alone."""
    random = np.random.default_rng(0)
    runs = [run(variant, seed, dict.fromkeys(map(str, range(100)), 0.8)) for seed in range(1, 6)]
    for made in runs:
        made.clips["swapped_miou"] = 0.8 + wobble * random.standard_normal(100)
        made.figures["swapped_miou"] = float(made.clips["swapped_miou"].mean())
    return runs


@pytest.mark.parametrize(
    ("wobble", "said"),
    [
        (0.0, "The masks hardly depend on the sound."),  # the same masks
        (0.05, "The masks hardly depend on the sound."),
        (2.0, "It is unclear whether the sound matters."),
    ],
)
def test_a_close_interval_round_0_says_that_the_sound_does_not_matter(wobble: float, said: str) -> None:
    runs = deaf(wobble)
    gain = audio_gain(runs, seed=0)["baseline"]
    assert gain.verdict == "cannot tell"
    assert text.audio_gain_sentence(variant_rows(runs)[0], gain).endswith(said)


def test_who_listens_better_is_said_with_what_few_seeds_leave_open() -> None:
    for seeds, open_ in ((1, "another training may give another result."), (3, "not in 19 of 20."), (9, "")):
        group = [replace(pair(0.1, 0.2, seeds), figure=f"g_miou_{name}") for name in ("silence", "white")]
        said = text.listening_sentence("proposed", group, {})
        assert said.endswith(open_ or "white noise.") and (not open_ or said.count(open_) == 1)


def health(*epochs: int) -> str:
    return text.collapse_sentence(
        [Panel("baseline", 1, epoch, 40, None, 0.1 * epoch, None, None, None, {}) for epoch in epochs]
    )


def test_one_kept_epoch_is_not_compared_with_itself() -> None:
    assert "silhouette by category +0.100 at epoch 1, +0.600 at epoch 6;" in health(1, 6)
    assert health(6).count("epoch 6") == 1 and "+0.600 at epoch 6; too few" in health(6)


def test_one_is_not_many() -> None:
    assert [text.counted(n, "category") for n in (1, 2)] == ["1 category", "2 categories"]
    catalog = pd.DataFrame({"split": ["train"], "category": ["helicopter"]})
    said = data_text.data_sentence({"data": {"source": "s4"}}, catalog)
    assert said.startswith("AVSBench S4: 1 clip (1 / 0 / 0") and said.endswith("of 1 category")


@pytest.mark.parametrize(
    ("silent", "said"),
    [
        (1, "one or two of the objects in view sound"),
        (0, "one or two objects are in view, and all of them sound"),
    ],
)
def test_what_is_in_view_where_several_sound(silent: int, said: str) -> None:
    params = {"data": {"source": "demo"}, "demo": {"setting": "ms3", "silent_objects": silent}}
    assert data_text.data_sentence(params, None).endswith(f"; {said}")


def test_where_no_clip_was_given_anothers_sound_the_variant_is_still_shown() -> None:
    """`avs listen` writes the key whatever the clips are."""
    model = {"variant": "a", "figures": {"miou": 0.5}, "miou_where_swapped": None}
    (row,) = transfer_rows({"models": {"a-1": model}})
    assert row.miou.mean == row.miou_where_swapped.mean == 0.5 and row.swapped_miou is None
