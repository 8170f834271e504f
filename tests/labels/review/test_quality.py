"""The quality report: figures by hand or against scikit-learn, and a page that trusts no name."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from pipeline.data.catalog import clips_by_name
from pipeline.labels.review.agreement import agreement, cohens_kappa, matches
from pipeline.labels.review.check_report import task_link, thumbnail, write_report
from pipeline.labels.review.quality import Quality, assess
from pipeline.labels.voc.table import check, read_folder
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.parallel import SERIAL
from tests.helpers.label_files import CLASSES, DOG, catalog, full, label

CAT = ["cat_meowing", 1, 1, 10, 10]


def _line(
    annotator: str, *boxes: list[Any], name: str = "abc", frame: int = 1, **more: Any
) -> dict[str, Any]:
    return {"annotator": annotator, "boxes": list(boxes), "chosen": True, "frame": frame, "name": name,
            "size": [160, 120], "state": "boxed" if boxes else "empty", "lead_time": 4.0, **more}  # fmt: skip


def _quality(
    folder: Path, lines: list[dict[str, Any]] | None = None, table: pd.DataFrame | None = None
) -> Quality:
    world = catalog() if table is None else table
    drawn = read_folder(folder, world, workers=SERIAL)
    usable, problems = check(drawn, world, CLASSES)
    return assess(world, drawn, usable, problems, lines or [])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    ours = cohens_kappa(pairs)
    if ours is None:
        assert len({label for pair in pairs for label in pair}) == 1
    else:
        assert ours == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))


def test_matching_is_one_to_one_and_by_hand() -> None:
    a = [["x", 1, 1, 10, 10], ["x", 21, 21, 30, 30]]
    b = [["x", 1, 1, 10, 5], ["x", 1, 1, 10, 10], ["x", 100, 100, 110, 110]]
    assert matches(a, b) == [1.0]
    assert matches(a, [["x", 1, 1, 10, 5]]) == [0.5]
    assert matches(a, []) == []


def test_agreement_by_hand() -> None:
    half = ["cat_meowing", 1, 1, 10, 5]
    lines = [
        _line("ann", CAT), _line("bob", half),  # IoU 0.5: a match
        _line("ann", CAT, frame=2), _line("bob", frame=2),  # one drew nothing
        _line("ann", frame=3), _line("bob", frame=3, state="skipped"),  # a skip is no opinion
        _line("ann", CAT, frame=4), _line("ann", CAT, frame=4),  # the same person twice
    ]  # fmt: skip
    found = agreement(lines)
    assert found.pairs == 2
    assert found.f1 == pytest.approx(2 * 1 / 3)
    assert found.iou == pytest.approx(0.5)
    # classes (cat, cat), (cat, nothing): observed 1/2, chance 1 * 1/2 + 0
    assert found.kappa == pytest.approx(0.0)
    assert agreement([]).f1 is None


def test_progress_people_and_outcomes(tmp_path: Path) -> None:
    full(tmp_path)
    label(tmp_path, "abc", 2)
    lines = [
        _line("ann", CAT, proposal="kept", lead_time=2.0),
        _line("ann", CAT, frame=3, proposal="moved", lead_time=8.0),
        _line("bob", frame=4, name="-def", state="skipped", chosen=False, lead_time=100.0),
        _line("bob", CAT, frame=5, name="-def", proposal="thrown away", lead_time=float("nan")),
    ]
    found = _quality(tmp_path, lines)
    rows = found.progress.set_index("category")
    assert rows.loc["dog_barking"].to_dict() == {
        "frames": 5,
        "labelled": 5,
        "boxes": 4,
        "empty": 1,
        "skipped": 0,
        "share": 1.0,
    }
    assert rows.loc["helicopter", "skipped"] == 1 and rows.loc["", "labelled"] == 0
    assert found.outcomes == {"kept": 1, "moved": 1, "thrown away": 1}
    assert found.people.set_index("annotator").loc["ann"].tolist() == [2, 5.0, 1, 1, 0]
    assert found.balance == 5 / 4 and found.fit
    assert found.sizes.loc[0, "median"] == pytest.approx(41 * 41 / (160 * 120))


def test_errors_make_labels_unfit_and_come_first(tmp_path: Path) -> None:
    full(tmp_path)
    label(tmp_path, "abc", 4, Box("dog_barking", 1, 1, 160, 120))
    label(tmp_path, "abc", 5, Box("cat_meowing", 21, 30, 61, 70))
    found = _quality(tmp_path, [_line("ann", CAT, frame=5, project=3, task=7)])
    assert not found.fit
    assert [(case.kind, case.task) for case in found.cases] == [
        ("wrong_class", (3, 7)),
        ("whole_image", None),
    ]
    label(tmp_path, "abc", 5, DOG)
    assert _quality(tmp_path).fit


def test_a_case_shows_every_box_of_its_file(tmp_path: Path) -> None:
    full(tmp_path)
    label(tmp_path, "abc", 5, DOG, Box("dog_barking", -9, 0, 16, 12))
    cases = {case.kind: case for case in _quality(tmp_path).cases}
    edges = [(20 / 160, 29 / 120, 61 / 160, 70 / 120), (0, 0, 0.1, 0.1)]
    np.testing.assert_allclose(cases["several_boxes"].boxes, edges)
    image = tmp_path / "a.png"
    assert cv2.imwrite(str(image), np.zeros((120, 160, 3), np.uint8))
    url = thumbnail(image, cases["several_boxes"].boxes)
    assert url is not None and url.startswith("data:image/jpeg;base64,")
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
    red = (shown[..., 2] > 120) & (shown[..., 1] < 100)
    assert red[17, 10] and red[70, 31]  # the lower edge of the small box, the left one of the other; 240 wide


def test_the_page_is_whole_and_escapes_everything(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    full(tmp_path / "voc")
    label(tmp_path / "voc", "abc", 5, Box(evil, 21, 30, 61, 70))
    (tmp_path / "voc" / "<img src=x onerror=alert(1)>_1.xml").write_text("<annotation/>")
    image = tmp_path / "images/train/dog_barking/abc/abc_5.jpg"
    image.parent.mkdir(parents=True)
    assert cv2.imwrite(str(image), np.zeros((120, 160, 3), np.uint8))
    lines = [_line(evil, CAT, frame=5, project=3, task=7)]
    found = _quality(tmp_path / "voc", lines)
    write_report(
        tmp_path / "r.html",
        found,
        tmp_path / "voc",
        clips_by_name(catalog()),
        tmp_path / "images",
        "http://127.0.0.1:8080",
    )
    page = (tmp_path / "r.html").read_text()
    assert "<script" not in page and "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'href="http://127.0.0.1:8080/projects/3/data?task=7"' in page
    assert len(re.findall("data:image/jpeg;base64,", page)) == 1
    assert not re.search(r"""(src|href)=["'](?!data:|http://127\.0\.0\.1)""", page)
    assert "Not fit to train on" in page


def test_an_empty_folder_has_a_report_too(tmp_path: Path) -> None:
    (tmp_path / "voc").mkdir()
    found = _quality(tmp_path / "voc")
    assert not found.fit and found.balance is None
    write_report(tmp_path / "r.html", found, tmp_path / "voc", clips_by_name(catalog()), tmp_path)
    assert "No frame was drawn by two people" in (tmp_path / "r.html").read_text()


def test_links_lead_to_web_addresses_only() -> None:
    assert task_link("javascript:alert(1)//", (1, 2)) == ""
    assert task_link("http://h", None) == ""
