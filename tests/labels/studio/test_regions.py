"""Label Studio's regions: exact there and back, rotated boxes by hand, everything hostile gives a note."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.studio.regions import LOST, NOT_VISIBLE, read_regions, regions
from pipeline.labels.voc.voc_xml import MAX_BOXES, Box

sizes = st.tuples(st.integers(2, 20_000), st.integers(2, 20_000))


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
    assert read_regions([{"type": "textarea", "value": {}}]).notes == ["other_type"]
    assert read_regions([{"type": "relation"}]).notes == ["other_type"]
    assert read_regions([{**_region(), "original_width": 0}]).notes == ["no_size"]
    assert read_regions([{**_region(), "original_width": 0}], 200, 100).boxes
    assert read_regions([{**_region(), "image_rotation": 90}]).notes == ["image_turned"]
    assert read_regions([{**_region(), "image_rotation": None}]).boxes
    assert read_regions([{"type": "choices", "value": {"choices": [NOT_VISIBLE]}}]).not_visible


@pytest.mark.parametrize(
    "kind", ["polygonlabels", "polygon", "ellipselabels", "brushlabels", "keypointlabels", "rectangle", "new"]
)
def test_a_shape_that_is_no_labelled_rectangle_is_lost(kind: str) -> None:
    region = {**_region(), "type": kind}
    del region["value"]["rectanglelabels"]
    (note,) = read_regions([region]).notes
    assert note in LOST


def test_regions_of_several_sizes_are_boxes_of_the_last_one() -> None:
    old = {**_region(), "original_width": 2000, "original_height": 1000}
    read = read_regions([old, _region(), {"type": "choices", "value": {"choices": []}}])
    assert read.boxes == [Box("cat_meowing", 51, 26, 150, 75)] * 2
    assert (read.width, read.height) == (200, 100)


def test_a_million_boxes_are_refused_by_a_limit() -> None:
    assert read_regions([{}] * (MAX_BOXES + 1)).notes == ["too_many_boxes"]
