"""summary.json, tables, curves and pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.overlay import HIT
from pipeline.report.compare import compare_variants
from pipeline.report.figures import image_uri
from pipeline.report.inputs import Run, read_curves
from pipeline.report.page import symbols
from pipeline.report.pictures import clip_and_kind
from pipeline.report.summary import summarise
from pipeline.report.tables import category_rows, mean_of
from pipeline.utils.files import write_json


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


def test_a_score_that_is_undefined_is_none_and_left_out_of_the_mean() -> None:
    nan = float("nan")
    table = pd.DataFrame({"category": ["a", "b"], "clips": [2, 6], "miou": [nan, 0.4], "fscore": [0.5, nan]})
    _, rows = category_rows([Run("baseline", 1, variant_figures(), categories=table)])
    assert [row.scores for row in rows] == [((None, 0.5),), ((0.4, None),), ((0.4, 0.5),)]


def variant_figures() -> dict:
    return {"miou": 0.5, "fscore": 0.5, "val_miou": 0.5, "best_epoch": 1, "epochs": 2}


def test_mean_of() -> None:
    assert str(mean_of([0.1, 0.3])) == "0.200 ± 0.141"
    assert str(mean_of([0.25])) == "0.250"
    assert mean_of([float("nan"), None, "x"]) is None


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
