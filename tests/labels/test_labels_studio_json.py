"""Label Studio's JSON: exact there and back, rotated boxes by hand, and everything hostile gives a reason."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.labels import studio_json
from pipeline.labels.studio_json import NOT_VISIBLE, read_export, read_regions, read_tasks, regions
from pipeline.labels.voc import MAX_BOXES, Box

WILD = Path(__file__).resolve().parents[3] / "shared" / "wild" / "label_studio"

sizes = st.tuples(st.integers(2, 20_000), st.integers(2, 20_000))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["value", "type", "result", "data", "image", "x", "y", "width", "height", "rotation",
                         "rectanglelabels", "annotations", "predictions", "choices", "id", "completed_by"]),
        inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@st.composite
def sane_boxes(draw: st.DrawFn) -> tuple[int, int, list[Box]]:
    width, height = draw(sizes)
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        xmin, ymin = draw(st.integers(1, width)), draw(st.integers(1, height))
        xmax, ymax = draw(st.integers(xmin, width)), draw(st.integers(ymin, height))
        boxes.append(Box(draw(st.sampled_from(["cat_meowing", "<b>", "犬"])), xmin, ymin, xmax, ymax))
    return width, height, boxes


@given(sane_boxes())
def test_boxes_come_back_exactly(case: tuple[int, int, list[Box]]) -> None:
    width, height, boxes = case
    sent = json.loads(json.dumps(regions(boxes, width, height)))
    read = read_regions(sent)
    assert (read.boxes, read.notes) == (boxes, [])
    assert not boxes or (read.width, read.height) == (width, height)


def _region(**value: Any) -> dict[str, Any]:
    whole = {
        "x": 25,
        "y": 25,
        "width": 50,
        "height": 50,
        "rotation": 0,
        "rectanglelabels": ["cat_meowing"],
        **value,
    }
    return {
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": whole,
    }


def test_percentages_by_hand() -> None:
    assert read_regions([_region()]).boxes == [Box("cat_meowing", 51, 26, 150, 75)]


@pytest.mark.parametrize(
    ("rotation", "corners"),
    [
        # about the top-left corner (100, 20), clockwise, in pixels of a 200 x 100 image; the box is 40 x 20
        (90, (81, 21, 100, 60)),
        (180, (61, 1, 100, 20)),
        (360, (101, 21, 140, 40)),
        (450, (81, 21, 100, 60)),
        # 45 degrees: x from 100 - 20/sqrt2 to 100 + 40/sqrt2, y from 20 to 20 + 60/sqrt2
        (
            45,
            (
                round(100 - 20 / math.sqrt(2)) + 1,
                21,
                round(100 + 40 / math.sqrt(2)),
                round(20 + 60 / math.sqrt(2)),
            ),
        ),
    ],
)
def test_a_rotated_box_becomes_its_hull_and_is_counted(rotation: int, corners: tuple[int, ...]) -> None:
    read = read_regions([_region(x=50, y=20, width=20, height=20, rotation=rotation)])
    assert read.boxes == [Box("cat_meowing", *corners)]
    assert read.notes == ([] if rotation % 360 == 0 else ["rotated"])


@pytest.mark.parametrize(
    ("value", "note"),
    [
        ({"x": -10, "width": 50}, "clipped"),
        ({"x": 90, "width": 50}, "clipped"),
        ({"x": 150}, "empty"),
        ({"width": 0}, "empty"),
        ({"x": None}, "bad_number"),
        ({"x": "25"}, "bad_number"),
        ({"x": math.nan}, "bad_number"),
        ({"x": 10**400}, "bad_number"),
        ({"width": 1e9}, "bad_number"),
        ({"rectanglelabels": []}, "no_class"),
        ({"rectanglelabels": [" "]}, "no_class"),
        ({"rectanglelabels": [["a"]]}, "no_class"),
        ({"rectanglelabels": ["a", "b"]}, "several_classes"),
    ],
)
def test_every_change_and_loss_is_noted(value: dict[str, Any], note: str) -> None:
    assert read_regions([_region(**value)]).notes == [note]


def test_other_regions() -> None:
    assert read_regions(None).notes == ["no_list"]
    assert read_regions([1, {"value": 3}]).notes == ["no_region", "no_region"]
    assert read_regions([{"type": "polygonlabels", "value": {}}]).notes == ["other_type"]
    assert read_regions([{**_region(), "original_width": 0}]).notes == ["no_size"]
    assert read_regions([{**_region(), "original_width": 0}], 200, 100).boxes
    assert read_regions([{**_region(), "image_rotation": 90}]).notes == ["image_turned"]
    assert read_regions([{"type": "choices", "value": {"choices": [NOT_VISIBLE]}}]).not_visible


def test_a_million_boxes_are_refused_by_a_limit() -> None:
    assert read_regions([{}] * (MAX_BOXES + 1)).notes == ["too_many_boxes"]
    with pytest.raises(PipelineError, match="at most 1000000"):
        read_tasks([0] * (studio_json.MAX_TASKS + 1), "x")


@settings(deadline=None)
@given(st.lists(anything, max_size=4))
def test_anything_gives_tasks_or_reasons(values: list[Any]) -> None:
    tasks, reasons = read_tasks(values, "x")
    assert len(tasks) + len(reasons) == len(values)


@pytest.mark.parametrize(
    ("address", "image_id"),
    [
        ("http://host:8080/data/local-files/?d=clips/a%20b_1.png", "a b_1"),
        ("/data/local-files/?d=../../etc/passwd_1.jpg", "passwd_1"),
        ("/data/local-files/?d=/etc/passwd_1.jpg", "passwd_1"),
        ("/data/local-files/?d=C%3A%5Cx%5Cy_2.jpg", "y_2"),
        ("/data/upload/2/0123abcd-name_3.jpg", "name_3"),
        ("upload/2/0123abcd-name_3.jpg", "name_3"),
        ("s3://bucket/name.mp4_3.png", "name.mp4_3"),
        ("https://host/0123abcd-name_3.jpg?sig=1", "0123abcd-name_3"),
    ],
)
def test_the_image_is_told_by_name_never_by_path(address: str, image_id: str) -> None:
    tasks, _ = read_tasks([{"id": 1, "data": {"image": address}, "annotations": []}], "x")
    assert [task.image_id for task in tasks] == [image_id]


def test_our_own_name_goes_before_the_address() -> None:
    tasks, _ = read_tasks(
        [{"data": {"image": "/x/y_1.jpg", "image_id": "z_2"}}, {"data": {}}, {"data": {"image": ".."}}], "x"
    )
    assert [task.image_id for task in tasks] == ["z_2"]


def test_an_export_and_its_annotations() -> None:
    value = {
        "id": 7,
        "data": {"image_id": "abc_1", "width": 200, "height": 100},
        "annotations": [
            {"id": 1, "completed_by": 2, "result": [_region()], "updated_at": "2026-01-01", "lead_time": 3.5},
            {"id": 2, "completed_by": {"id": 3}, "result": [], "was_cancelled": True},
        ],
        "predictions": [{"model_version": "m", "score": 0.5, "result": [_region()]}],
    }
    tasks, _ = read_tasks([value], "x", {2: "ann"})
    (task,) = tasks
    assert [(one.annotator, one.cancelled, one.lead_time) for one in task.drawn] == [
        ("ann", False, 3.5),
        ("user3", True, None),
    ]
    assert task.drawn[0].boxes == task.proposals[0].boxes == (Box("cat_meowing", 51, 26, 150, 75),)
    assert (task.drawn[1].width, task.drawn[1].height) == (200, 100)


def test_json_min() -> None:
    region = {"x": 25, "y": 25, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["cat_meowing"],
              "original_width": 200, "original_height": 100}  # fmt: skip
    value = {
        "image": "/x/abc_1.jpg",
        "id": 1,
        "box": [region],
        "annotator": 4,
        "annotation_id": 9,
        "visibility": NOT_VISIBLE,
    }
    ((task,), _) = read_tasks([value], "x")
    assert task.drawn[0].boxes == (Box("cat_meowing", 51, 26, 150, 75),)
    assert (task.drawn[0].id, task.drawn[0].annotator, task.drawn[0].not_visible) == (9, "user4", True)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", '{"a": 1}', "1" * 5000])
def test_what_is_no_export_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "e.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PipelineError, match=r"e\.json"):
        read_export(path)


def test_a_large_file_is_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    with path.open("wb") as stream:
        stream.truncate(studio_json.MAX_BYTES + 1)
    with pytest.raises(PipelineError, match="larger than"):
        read_export(path)


@pytest.mark.skipif(not WILD.is_dir(), reason="no shared/wild/label_studio beside the checkout")
def test_every_export_from_the_wild_gives_tasks() -> None:
    found = {}
    for path in sorted(WILD.glob("*.json")):
        tasks, reasons = read_export(path)
        assert not reasons
        drawn = [one for task in tasks for one in task.drawn]
        found[path.name[:2]] = (
            len(tasks),
            sum(len(one.boxes) for one in drawn),
            sum(one.notes.count("rotated") for one in drawn),
        )
    assert found == {"00": (2, 3, 0), "02": (1, 1, 0), "03": (2, 6, 0), "04": (3, 25, 25), "05": (1, 0, 0)}
