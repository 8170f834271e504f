"""The page: whole, self-contained, true to its inputs, the same bytes twice, there with inputs missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.report.page import flatten
from pipeline.report.tables import variant_rows
from pipeline.report.text import p_value
from pipeline.utils.errors import PipelineError

VOID = {"meta", "br", "img", "link", "hr", "input"}
LOADED = {"src", "href", "xlink:href", "srcset", "data", "poster", "action"}


class Page(HTMLParser):
    """Tags, what they load, open tags at the end, and table rows as text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in LOADED]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, start: str) -> list[str]:
        return next([cell.strip() for cell in row] for row in self.rows if row[0].strip().startswith(start))


def check_whole(text: str) -> Page:
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    for target in page.loads:
        assert target.startswith(("data:image/", "#")), target[:80]
    assert "url(http" not in text and "@import" not in text
    assert re.search(r"\bnan\b", page.text, re.IGNORECASE) is None
    return page


def test_full_page_is_self_contained_and_true_to_the_figures(full: tuple) -> None:
    finished, text = full
    page = check_whole(text)
    rows = {row.variant: row for row in variant_rows(finished.runs())}
    mious = [run.figures["miou"] for run in finished.runs() if run.variant == "proposed"]
    cells = page.row("proposed")
    assert cells[1] == "25"
    assert cells[2] == "0.587 ± 0.007 (21, 22)"  # 0.56 + 0.01 seed + 0.0123
    assert cells[3] == f"{np.mean(mious):.3f} ± {np.std(mious, ddof=1):.3f}"
    assert re.fullmatch(r"0\.\d{3} to 0\.\d{3}", cells[4])
    assert float(cells[4][:5]) < np.mean(mious) < float(cells[4][-5:])
    assert cells[5] == "0.675 ± 0.007"
    difference = page.row("proposed − baseline")
    assert difference[2] == "+0.040"
    assert difference[3] == f"{np.mean(mious) - rows['baseline'].miou.mean:+.3f}"


def test_the_first_screen_says_who_wins_and_how_sure(full: tuple) -> None:
    text = full[1]
    head = text[: text.index('id="listening"')]
    assert "Better" in head
    assert "95 % interval" in head
    assert "20 clips (8 / 0 / 12 for training, validation and test) of 4 categories" in head


def test_reported_figures_are_marked_as_reported(full: tuple) -> None:
    text = full[1]
    reported = text[text.index('id="reported"') : text.index('id="made"')]
    assert "Reported elsewhere, other data" in reported
    for figure in ("0.679", "0.79", "0.726", "0.8449", "0.728", "0.540"):
        assert figure in reported
    assert "0.8449" not in text.replace(reported, "")


def test_seeded_audio_is_said_clearly(full: tuple, finish: Callable) -> None:
    assert "Seeded initialisation" in full[1]
    finished = finish(("baseline",), (1,), extras=False)
    text = finished.page(
        audio={"weights": "weights/vggish-10086976.pth", "sha256": "ab12", "standardised": False}
    )
    assert "weights/vggish-10086976.pth" in text and "ab12" in text and "Seeded" not in text


def test_markup_in_names_is_escaped(full: tuple) -> None:
    text = full[1]
    assert "<b>&clip" not in text and "<i>x</i>" not in text
    assert "&lt;b&gt;&amp;clip" in text and "&lt;i&gt;x" in text


def test_same_inputs_same_bytes(full: tuple) -> None:
    finished, text = full
    assert finished.page() == text


def test_pictures_and_curves_are_inside(full: tuple) -> None:
    page = check_whole(full[1])
    # two clips, each with frames and truth once and one strip a variant; then each with its frames and, for
    # two variants, three sounds
    assert page.tags.count("img") == 2 * 4 + 2 * (1 + 2 * 3)
    assert "the other object's sound" in page.text
    for title in ("Crop classification", "Audio-crop similarity", "BCE", "epoch 5", "epoch 25", "silhouette"):
        assert title in page.text


@pytest.mark.parametrize(
    ("variants", "seeds", "said"),
    [
        (("baseline", "proposed"), (1,), "With one seed each"),
        (("baseline",), (1, 2), "nothing to compare it with"),
        (("baseline", "proposed", "silent", "my-own"), (1, 2), "my-own − proposed"),
    ],
)
def test_other_sets_of_runs(finish: Callable, variants: tuple, seeds: tuple, said: str) -> None:
    assert said in check_whole(finish(variants, seeds).page()).text


def test_with_nothing_optional(finish: Callable) -> None:
    finished = finish(extras=False)
    page = check_whole(finished.page(catalog=None, problems=None, audio=None, provenance={}))
    assert "Unknown: the audio stage" in page.text
    assert "img" not in page.tags
    assert "over 2 seeds" in page.text  # no clip scores: the interval is over seeds


def test_one_seed_and_no_clip_scores_gives_no_interval(finish: Callable) -> None:
    page = check_whole(finish(seeds=(1,), extras=False).page())
    assert "it is unknown how much of that is chance" in page.text


def test_listening_table(finish: Callable) -> None:
    finished = finish(seeds=(1,))
    for variant, area in (("baseline", 0.21), ("proposed", 0.05)):
        table = pd.DataFrame(
            {
                "condition": ["true", "silence", "silence", "own_idea"],
                "category": ["", "", "cat_meowing", ""],
                "miou": [0.5, 0.25, 0.987, 0.3],
                "false_positive_area": [0.3, area, 0.986, 0.1],
            }
        )
        table.to_csv(finished.root / f"data/eval/{variant}-1/listening.csv", index=False)
    page = check_whole(finished.page())
    assert page.row("silence") == ["silence", "0.250", "0.250"]
    assert ["silence", "0.210", "0.050"] in page.rows
    assert page.row("own idea")[0] == "own idea"
    assert page.rows.count(["cat meowing", "0.987", "0.986"]) == 2  # by category, a table a variant


def test_who_listens_better_is_said_with_intervals(finish: Callable) -> None:
    page = check_whole(finish(("baseline", "listening", "silent"), (1, 2, 3)).page())
    cells = page.row("listening − baseline")  # of the table of M_J, then that of G-mIoU
    heard = next(row for row in page.rows if row[0] == "listening − baseline" and "better" in row[1])
    assert heard[1].startswith("+0.") and len(heard) == 5 and len(cells) > 5
    assert "listening, by G-mIoU: better than baseline under silence, white noise, pink noise" in page.text
    assert "False-positive area under negative audio: 0.17 times that of baseline" in page.text
    assert "Trained without sound (silent)" in page.text


def test_transfer_is_said_in_one_sentence(finish: Callable) -> None:
    figures = {"miou": 0.3, "swapped_miou": 0.29, "swap_passed": 0.02, "g_miou_silence": 0.4}
    listening = {**figures, "miou": 0.6, "swap_passed": 0.96}
    transfer = {
        "two_source": True,
        "models": {
            "baseline-1": {"variant": "baseline", "figures": figures, "miou_where_swapped": 0.3},
            "baseline-2": {
                "variant": "baseline",
                "figures": {**figures, "miou": 0.32},
                "miou_where_swapped": 0.32,
            },
            "listening-1": {"variant": "listening", "figures": listening, "miou_where_swapped": 0.6},
        },
    }
    finished = finish(seeds=(1,))
    context = finished.context(transfer=transfer)
    context.params["demo"]["silent_objects"] = 0
    page = check_whole(finished.page(transfer=transfer, params=context.params))
    said = "trained with only the sounding object in view and tested with a second, silent object next to it"
    assert f"baseline, {said}: MJ 0.310 with the true sound, 0.290 with another clip's" in page.text
    assert "on 2 % of the clips the mask moves with the sound: it hardly follows the sound." in page.text
    assert "on 96 % of the clips the mask moves with the sound: it follows the sound." in page.text
    assert ["baseline", "2", "0.310 ± 0.014", "0.290 ± 0.000", "0.400 ± 0.000", "0.020 ± 0.000"] in page.rows
    with pytest.raises(PipelineError, match="avs listen"):
        finished.page(transfer={"models": {"x": {}}})


def test_features_that_collapsed_are_named(finish: Callable) -> None:
    finished = finish(("proposed",), (1,))
    for path in finished.root.rglob("features-*.npz"):
        with np.load(path) as stored:
            arrays = dict(stored)
        arrays["crop_embedding"] = 1 + 0.001 * arrays["crop_embedding"]
        np.savez(path, **arrays)
    page = check_whole(finished.page())
    assert "COLLAPSED: crop features" in page.text and "sound features (mean" not in page.text
    assert "collapsed" in page.row("proposed seed 1, epoch 25")[-1]
    assert "(Of the train clips; no other clips have boxes.)" in page.text


def test_without_boxes_and_categories_the_page_says_nothing_of_them(finish: Callable) -> None:
    """As MS3 has it."""
    finished = finish(("baseline",), (1,))
    for path in finished.root.rglob("features-*.npz"):
        np.savez(
            path, features=np.zeros((0, 4), np.float32), category=np.array([], str), clip=np.array([], str)
        )
    for path in finished.root.rglob("per_category.csv"):
        pd.DataFrame({"category": [""], "clips": [16], "miou": [0.5], "fscore": [0.6]}).to_csv(
            path, index=False
        )
    assert "may hold the same source" not in finished.page()
    catalog = pd.DataFrame({"split": ["train", "test"], "category": ["", ""]})
    page = check_whole(finished.page(catalog=catalog))
    assert "may hold the same source" in page.text
    assert "no collapse" not in page.text and "too few for a map" not in page.text
    assert "t-SNE of the encoder" not in page.text
    assert not any(row[:1] in ([""], ["nan"]) and "16" in row for row in page.rows)


def test_boxed_clips_without_a_category_are_not_coloured_by_it(full: tuple, finish: Callable) -> None:
    assert "coloured by category" in full[1] and "same category" in Page(full[1]).text
    finished = finish(("proposed",), (1,))
    for path in finished.root.rglob("features-*.npz"):
        with np.load(path) as stored:
            arrays = dict(stored)
        for key in ("category", "audio_category"):
            arrays[key] = np.array([""] * len(arrays[key]))
        np.savez(path, **arrays)
    text = finished.page()
    crops = text[text.index('id="features"') : text.index('id="reported"')]
    assert "coloured by" not in crops and 'class="legend"' not in crops
    assert "crop to sound, all clips" in crops and "same category" not in crops


def test_how_the_interval_was_made_is_said_of_those_that_there_are(full: tuple, finish: Callable) -> None:
    assert "crossed random effects" in full[1]
    assert "crossed random effects" not in finish(seeds=(1,)).page()


def test_intervals_over_seeds_alone_are_students(finish: Callable) -> None:
    text = finish(extras=False).page()
    assert "crossed random effects" not in text and "with more it is Student's t over seeds" in text


def test_bars_are_of_the_clips_that_have_both_sounds(finish: Callable) -> None:
    finished = finish(("baseline",), (1,))
    (path,) = finished.root.rglob("per_clip.csv")
    table = pd.read_csv(path)
    table.loc[2:, "swapped_miou"] = np.nan
    table.to_csv(path, index=False)
    shown = f"{table['miou'][:2].mean():.3f}"
    assert f'<span>true sound</span><i><b style="width:{100 * table["miou"][:2].mean():.2f}'[:-1] in (
        finished.page()
    )
    assert f"baseline: {shown} with the true sound" in Page(finished.page()).text


def test_a_gain_that_may_be_chance_is_not_called_listening_on_the_page(finish: Callable) -> None:
    finished = finish(("baseline",), (1,))
    assert "It listens" in check_whole(finished.page()).text
    for path in finished.root.rglob("per_clip.csv"):
        table = pd.read_csv(path)
        table["swapped_miou"] = table["miou"] + 0.2 * (-1.0) ** np.arange(len(table))
        table.to_csv(path, index=False)
    page = check_whole(finished.page())
    assert "It is unclear whether the sound matters" in page.text and "It listens" not in page.text


def test_of_one_crop_no_collapse_is_spoken_of(finish: Callable) -> None:
    finished = finish(("baseline",), (1,))
    for path in finished.root.rglob("features-*.npz"):
        np.savez(path, features=np.ones((1, 4), np.float32), category=["a"], clip=["x"])
    page = check_whole(finished.page())
    assert "too few crops to see whether the features collapsed." in page.text
    assert "no collapse" not in page.text


def test_too_few_crops_for_a_map(finish: Callable) -> None:
    finished = finish(("baseline",), (1,))
    for path in finished.root.rglob("features-*.npz"):
        np.savez(path, features=np.ones((3, 4), np.float32), category=["a", "a", "b"], clip=["x", "x", "y"])
    page = check_whole(finished.page())
    assert "3 crops: too few for a map" in page.text
    assert "collapsed" in page.text


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("data/eval/baseline-1/figures.json", "{"),
        ("data/eval/baseline-1/figures.json", '{"miou": 1}'),
        ("data/eval/baseline-1/per_clip.csv", ""),
        ("data/eval/baseline-1/per_category.csv", "category,clips\na,1\n"),
        ("data/eval/baseline-1/features-5.npz", "not a zip"),
        ("logs/baseline-1/plots/metrics/train/loss.tsv", "step\tother\n0\t1\n"),
        ("data/eval/baseline-1/overlays/-clip_0.image.png", "no image"),
    ],
)
def test_a_damaged_input_is_named(finish: Callable, path: str, content: str) -> None:
    finished = finish(("baseline",), (1,))
    (finished.root / path).write_text(content)
    with pytest.raises(PipelineError, match=re.escape(Path(path).name)):
        finished.page()


def test_flatten_and_p_value() -> None:
    assert flatten({"a": 1, "b": {"c": [1, 2], "d": {"e": "x"}}}) == [
        ("a", "1"),
        ("b.c", "1, 2"),
        ("b.d.e", "x"),
    ]
    assert [p_value(p) for p in (None, 0.0004, 0.0314)] == ["–", "< 0.001", "0.031"]


def test_scores_that_are_undefined_are_dashes(finish: Callable) -> None:
    finished = finish(("baseline",), (1,))
    (path,) = finished.root.rglob("per_category.csv")
    table = pd.read_csv(path)
    table.loc[0, "miou"] = table.loc[1, "fscore"] = np.nan
    table.to_csv(path, index=False)
    text = finished.page()
    assert "nan%" not in text
    page = check_whole(text)
    cells = {row[0]: row[2:] for row in page.rows if row[0] in ("cat meowing", "dog barking")}
    assert cells["cat meowing"][0] == "–" != cells["cat meowing"][1]
    assert cells["dog barking"][1] == "–" != cells["dog barking"][0]


def test_a_search_that_one_panel_lacks_has_its_chance_from_the_others(finish: Callable) -> None:
    """With one clip a category none of its own category can be found."""
    finished = finish(seeds=(1,))
    path = finished.root / "data/eval/baseline-1/features-5.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    kept = ["train_0", "train_4", "train_8", "train_12"]
    crops, sounds = np.isin(arrays["clip"], kept), np.isin(arrays["audio_clip"], kept)
    np.savez(
        path, **{key: values[sounds if key.startswith("audio") else crops] for key, values in arrays.items()}
    )
    cells = check_whole(finished.page()).row("crop to sound, same category")
    assert cells[1] == "–" and cells[2] != "–" and cells[-1] == "25.0 %"  # 4 clips a category


def test_curves_have_the_dashes_of_their_legend(full: tuple) -> None:
    curves = full[1][full[1].index('id="curves"') : full[1].index('id="features"')]
    legend, drawn = curves[: curves.index("<figure>")], curves[curves.index("<figure>") :]
    assert 'stroke-dasharray="none"' in legend and 'stroke-dasharray="4 1.5"' in legend
    assert "stroke-dasharray: 7.2,2.7" in drawn  # of the mean, 1.8 wide
