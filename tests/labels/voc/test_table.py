"""A folder of VOC XML -> the table and the problems; every rule seen to speak, and to be silent."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.labels.voc import table
from pipeline.labels.voc.mask_boxes import box_of, iou
from pipeline.labels.voc.rules import KINDS
from pipeline.labels.voc.table import COLUMNS, read_labels
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL, Workers
from tests.helpers.label_files import CLASSES, HEIGHT, TRAIN, WIDTH, catalog, full, label, write_mask

DOG = Box("dog_barking", 21, 30, 61, 70)


def _kinds(problems: pd.DataFrame) -> set[tuple[str, str]]:
    """(file name, kind) of all problems but the missing labels of the clips that a test does not label."""
    kept = problems[(problems["kind"] != "missing")]
    return {(Path(row.file).name, row.kind) for row in kept.itertuples()}


def test_sane_labels_give_every_box_in_catalogue_order(tmp_path: Path) -> None:
    full(tmp_path)
    boxes, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert list(boxes.columns) == list(COLUMNS)
    names = [name for name in catalog()["name"] if name in TRAIN for _ in range(5)]
    assert list(boxes["name"]) == names
    assert list(boxes["frame"]) == [1, 2, 3, 4, 5] * 2
    first = boxes[boxes["name"] == "abc"].iloc[0]
    assert first.to_dict() == {
        "name": "abc", "frame": 1, "category": "dog_barking", "xmin": 21, "ymin": 30, "xmax": 61, "ymax": 70,
        "width": WIDTH, "height": HEIGHT, "source": "dog_barking/abc/abc_1.xml", "annotator": "ann",
    }  # fmt: skip
    assert _kinds(problems) == set()
    assert list(problems["file"]) == [f"multi/multi_{k}.xml" for k in range(1, 6)]
    assert set(problems["level"]) == {"warning"}


@pytest.mark.parametrize(
    ("boxes", "kind", "left"),
    [
        ([Box("dog", 21, 30, 61, 70)], "unknown_class", 0),
        ([Box("<b>{x}</b>", 21, 30, 61, 70)], "unknown_class", 0),
        ([Box("cat_meowing", 21, 30, 61, 70)], "wrong_class", 0),
        ([Box("dog_barking", 61, 30, 21, 70)], "inverted", 0),
        ([Box("dog_barking", 21, 30, 21, 70)], "empty", 0),
        ([Box("dog_barking", 170, 30, 190, 70)], "outside", 0),
        ([Box("dog_barking", -20, 30, 0, 70)], "outside", 0),
        ([Box("dog_barking", -20, 30, 1, 70)], "empty", 0),
        ([Box("dog_barking", 0, 0, 1, 1)], "empty", 0),  # of fractions of the sides
        ([Box("dog_barking", 21, 30, 200, 70)], "out_of_image", 1),
        ([Box("dog_barking", 21, 0, 61, 70)], "out_of_image", 1),
        ([Box("dog_barking", 21, 30, 22, 70)], "tiny", 1),
        ([Box("dog_barking", 1, 1, 160, 120)], "whole_image", 1),
        ([DOG, Box("dog_barking", 70, 30, 90, 50)], "several_boxes", 1),
    ],
)
def test_each_rule_about_a_box(tmp_path: Path, boxes: list[Box], kind: str, left: int) -> None:
    label(tmp_path, "abc", 3, *boxes)
    label(tmp_path, "-def", 1, Box("helicopter", 21, 30, 61, 70))
    found, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert _kinds(problems) == {("abc_3.xml", kind)}
    assert (found["name"] == "abc").sum() == left
    assert (KINDS[kind][0] == "warning") == (left == 1) or kind == "several_boxes"


def test_a_linked_folder_of_labels_is_refused(tmp_path: Path) -> None:
    label(tmp_path / "voc", "abc", 1, DOG)
    (tmp_path / "more").mkdir()
    (tmp_path / "voc/helicopter").symlink_to(tmp_path / "more")
    with pytest.raises(PipelineError, match="helicopter: is a link to a folder"):
        read_labels(tmp_path / "voc", catalog(), CLASSES, workers=SERIAL)


def test_a_tiny_box_is_reported_with_the_size_that_is_left(tmp_path: Path) -> None:
    label(tmp_path, "abc", 1, Box("dog_barking", -30, 30, 2, 70))
    _, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    (detail,) = problems.loc[problems["kind"] == "tiny", "detail"]
    assert detail == "is tiny: 2 x 41 pixels of 160 x 120."


def test_a_box_out_of_its_image_is_clipped(tmp_path: Path) -> None:
    label(tmp_path, "abc", 1, Box("dog_barking", -5, 0, 61, 999))
    found, _ = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert found.loc[0, ["xmin", "ymin", "xmax", "ymax"]].tolist() == [1, 1, 61, 120]


def test_of_several_boxes_the_largest_stays_and_an_unfit_one_never_displaces_a_fit_one(
    tmp_path: Path,
) -> None:
    label(tmp_path, "abc", 1, Box("helicopter", 1, 1, 150, 110), Box("dog_barking", 5, 5, 9, 9), DOG)
    label(tmp_path, "multi", 1, Box("helicopter", 1, 1, 50, 50), DOG)
    found, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    rows = found[found["name"] == "abc"]
    assert len(rows) == 1 and rows.iloc[0]["xmin"] == DOG.xmin
    assert (found["name"] == "multi").sum() == 2  # several may sound there
    assert _kinds(problems) == {("abc_1.xml", "wrong_class"), ("abc_1.xml", "several_boxes")}


def test_a_box_s_area_counts_both_of_its_ends(tmp_path: Path) -> None:
    """100 x 5 = 500 pixels against 21 x 21 = 441; between the corners it were 396 against 400."""
    label(tmp_path, "abc", 1, Box("dog_barking", 1, 1, 100, 5), Box("dog_barking", 1, 1, 21, 21))
    found, _ = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert found["xmax"].tolist() == [100]


def test_no_size_is_an_error(tmp_path: Path) -> None:
    label(tmp_path, "abc", 1, DOG)
    label(tmp_path, "abc", 2, DOG, width=0, height=0)
    found, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert list(found["frame"]) == [1]
    assert _kinds(problems) == {("abc_2.xml", "no_size")}


def test_a_jump_is_reported_once_and_a_gap_is_no_jump(tmp_path: Path) -> None:
    far = Box("dog_barking", 130, 90, 150, 110)
    for frame, box in [(1, DOG), (2, far), (4, DOG)]:
        label(tmp_path, "abc", frame, box)
    _, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert _kinds(problems) == {("abc_2.xml", "jump")}


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        ((20, 29, 61, 70), None),  # exactly the box
        ((20, 29, 40, 49), "misses_mask"),
        ((100, 29, 130, 70), "off_mask"),
        ((0, 0, 0, 0), None),  # an empty mask says nothing
    ],
)
def test_boxes_are_held_against_the_mask(
    tmp_path: Path, mask: tuple[int, int, int, int], kind: str | None
) -> None:
    label(tmp_path / "labels", "abc", 1, DOG)
    label(tmp_path / "labels", "abc", 2, DOG)
    path = write_mask(tmp_path / "mask.png", *mask)
    found, problems = read_labels(tmp_path / "labels", catalog({"abc": path}), CLASSES, workers=SERIAL)
    assert _kinds(problems) == ({("abc_1.xml", kind)} if kind else set())
    assert list(found["frame"]) == ([2] if kind == "off_mask" else [1, 2])


def test_of_several_sounding_objects_none_is_held_against_the_mask_of_all(tmp_path: Path) -> None:
    """One of the two alone is: the other has been left out."""
    other = Box("helicopter", 121, 30, 141, 70)
    path = write_mask(tmp_path / "mask.png", 20, 29, 141, 70)  # from the one to the other
    for boxes, expected in (((DOG, other), set()), ((DOG,), {("multi_1.xml", "misses_mask")})):
        label(tmp_path / "labels", "multi", 1, *boxes)
        found, problems = read_labels(tmp_path / "labels", catalog({"multi": path}), CLASSES, workers=SERIAL)
        assert len(found) == len(boxes) and _kinds(problems) == expected


def test_a_second_box_of_one_sound_excuses_no_box(tmp_path: Path) -> None:
    label(tmp_path / "labels", "abc", 1, DOG, Box("dog_barking", 21, 30, 31, 40))
    path = write_mask(tmp_path / "mask.png", 20, 29, 40, 49)
    _, problems = read_labels(tmp_path / "labels", catalog({"abc": path}), CLASSES, workers=SERIAL)
    kinds = problems["kind"].tolist()
    assert (kinds.count("misses_mask"), kinds.count("several_boxes")) == (2, 1)


def test_a_mask_that_cannot_be_read_is_listed(tmp_path: Path) -> None:
    label(tmp_path / "labels", "abc", 1, DOG)
    (tmp_path / "mask.png").write_text("no image")
    table = catalog({"abc": str(tmp_path / "mask.png")})
    found, problems = read_labels(tmp_path / "labels", table, CLASSES, workers=SERIAL)
    assert len(found) == 1
    assert _kinds(problems) == {("mask.png", "bad_mask")}


def test_files_that_give_nothing_are_listed_one_by_one(tmp_path: Path) -> None:
    full(tmp_path)
    (tmp_path / "dog_barking/abc/abc_2.xml").write_text("not XML")
    (tmp_path / "abc_1.xml").write_text("<annotation/>")
    (tmp_path / "ghost_1.xml").write_text("<annotation/>")
    (tmp_path / "label_studio.xml").write_text("<View/>")
    (tmp_path / ".abc_1.xml.tmp.xml").write_text("half a file")
    (tmp_path / "classes.txt").write_text("dog_barking")
    found, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert _kinds(problems) == {
        ("abc_2.xml", "not_xml"),
        ("abc_1.xml", "doubled"),
        ("ghost_1.xml", "unknown_clip"),
        ("label_studio.xml", "not_a_frame"),
    }
    assert len(found) == 9
    assert "dog_barking/abc/abc_2.xml" not in set(problems.loc[problems["kind"] == "missing", "file"])


def test_an_empty_annotation_is_no_missing_one(tmp_path: Path) -> None:
    full(tmp_path)
    label(tmp_path, "abc", 2)
    found, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert len(found) == 9
    assert _kinds(problems) == set()


def test_nothing_usable_and_no_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"labels\.dir"):
        read_labels(tmp_path / "none", catalog(), CLASSES, workers=SERIAL)
    assert read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)[0].empty  # nobody has drawn anything yet
    label(tmp_path, "stranger", 1, DOG)
    assert read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)[0].empty  # only labels of other clips
    label(tmp_path, "abc", 1, Box("dog", 21, 30, 61, 70))
    with pytest.raises(PipelineError, match=r"no usable box(.|\n)*abc_1\.xml: .*'dog'") as told:
        read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert "is not there" not in str(told.value)  # warnings, however many come first


def test_several_processes_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full(tmp_path)
    one = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    monkeypatch.setattr(table, "_ONE_PROCESS", 0)
    monkeypatch.setattr(table, "_CHUNK", 3)
    for a, b in zip(one, read_labels(tmp_path, catalog(), CLASSES, workers=Workers(2)), strict=True):
        pd.testing.assert_frame_equal(a, b)


def test_iou_by_hand() -> None:
    a, b = np.array([[0, 0, 2, 2.0], [0, 0, 1, 1]]), np.array([[1, 1, 3, 3.0], [1, 0, 2, 1]])
    assert iou(a, b).tolist() == [1 / 7, 0.0]
    assert box_of(np.zeros((4, 4))) is None
    mask = np.zeros((10, 20))
    mask[2:5, 4:8] = 1
    assert box_of(mask) == (0.2, 0.2, 0.4, 0.5)
    assert math.isclose(iou(np.array([0, 0, 1, 1.0]), np.array([0, 0, 1, 1.0])), 1.0)
