"""Label Studio's exports: what they say, and everything hostile gives a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.studio import export_json as studio_json
from pipeline.labels.studio.export_json import read_export, read_tasks
from pipeline.labels.studio.regions import LOST, NOT_VISIBLE, regions
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError
from tests.helpers.paths import SHARED

WILD = SHARED / "wild" / "label_studio"
BOX = Box("cat_meowing", 51, 26, 150, 75)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["value", "type", "result", "data", "image", "x", "y", "width", "height", "rotation",
                         "rectanglelabels", "annotations", "predictions", "choices", "id", "completed_by"]),
        inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


def test_a_million_tasks_are_refused_by_a_limit() -> None:
    with pytest.raises(PipelineError, match="at most 1000000"):
        read_tasks([0] * (studio_json.MAX_TASKS + 1), "x")


def test_a_box_of_several_images_is_not_taken_for_the_first_s() -> None:
    """The region says `to_name` page_3 or `item_index` 2, in ways that differ by configuration."""
    images = [f"/data/upload/1/abc_{k}.jpg" for k in range(1, 6)]
    drawn = [{"id": 1, "result": [{**regions([BOX], 200, 100)[0], "item_index": 2}]}]
    tasks, ((_, why),) = read_tasks([{"data": {"images": images}, "annotations": drawn}], "e.json")
    assert not tasks and "several images" in why
    (one,), reasons = read_tasks([{"data": {"images": images[:1]}, "annotations": drawn}], "e.json")
    assert one.image_id == "abc_1" and not reasons


def test_what_is_no_task_is_known_by_its_place() -> None:
    old = {"data": {"image_id": "a_1"}, "completions": [{"id": 1, "result": regions([BOX], 200, 100)}]}
    tasks, reasons = read_tasks(
        [{"data": {"image_id": "a_1"}, "annotations": []}, 3, {"data": {}}, old, {"image_id": "a_2"}],
        "e.json",
    )
    assert [task.image_id for task in tasks] == ["a_1"]
    assert reasons == [
        ("e.json: task 2", "is not a task"),
        ("e.json: task 3", "shows no image with a name"),
        *(
            (
                f"e.json: task {count}",
                "has no annotations that can be read; export it as JSON from Label Studio 1.0 or later",
            )
            for count in (4, 5)
        ),
    ]


def test_drafts_and_annotations_by_number_alone_are_reported() -> None:
    data, done = {"image_id": "a_1"}, {"id": 1, "result": regions([BOX], 200, 100)}
    values = [
        {"data": data, "annotations": [], "drafts": [{"id": 5, "result": []}]},
        {"data": data, "annotations": [done], "drafts": [5]},
        {"data": data, "annotations": [7, 8]},
        {"data": data, "annotations": [done], "drafts": []},
    ]
    tasks, reasons = read_tasks(values, "e.json")
    assert [len(task.drawn) for task in tasks] == [0, 1, 1]
    draft = "has a draft that was not submitted; submit it in Label Studio"
    assert reasons == [
        ("e.json: task 1", draft),
        ("e.json: task 2", draft),
        ("e.json: task 3", "its annotations are not written out; export as JSON"),
    ]


def test_a_name_that_is_no_frame_s_does_not_hide_the_address() -> None:
    data = {"image": "/x/abc_1.jpg", "image_id": "123"}
    ((task,), _) = read_tasks([{"data": data, "annotations": []}], "x")
    assert task.image_id == "abc_1"


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
def test_the_image_is_known_by_name_never_by_path(address: str, image_id: str) -> None:
    tasks, _ = read_tasks([{"id": 1, "data": {"image": address}, "annotations": []}], "x")
    assert [task.image_id for task in tasks] == [image_id]


def test_our_own_name_goes_before_the_address() -> None:
    tasks, _ = read_tasks(
        [
            {"data": {"image": "/x/y_1.jpg", "image_id": "z_2"}, "annotations": []},
            {"data": {}},
            {"data": {"image": ".."}},
        ],
        "x",
    )
    assert [task.image_id for task in tasks] == ["z_2"]


def test_an_export_and_its_annotations() -> None:
    value = {
        "id": 7,
        "data": {"image_id": "abc_1", "width": 200, "height": 100},
        "annotations": [
            {
                "id": 1,
                "completed_by": 2,
                "result": regions([BOX], 200, 100),
                "updated_at": "2026-01-01",
                "lead_time": 3.5,
            },
            {"id": 2, "completed_by": {"id": 3}, "result": [], "was_cancelled": True, "unique_id": "u-2"},
        ],
        "predictions": [{"model_version": "m", "score": 0.5, "result": regions([BOX], 200, 100)}],
    }
    tasks, _ = read_tasks([value], "x", {2: "ann"})
    (task,) = tasks
    assert [(one.annotator, one.cancelled, one.lead_time) for one in task.drawn] == [
        ("ann", False, 3.5),
        ("user3-2d7116", True, None),
    ]
    assert [one.unique for one in task.drawn] == ["", "u-2"]
    assert task.drawn[0].boxes == task.proposals[0].boxes == (BOX,)
    assert (task.drawn[1].width, task.drawn[1].height) == (200, 100)


def test_who_drew_is_known_by_server_address_or_number_and_source() -> None:
    def annotator(source: str, by: Any) -> str:
        value = {"data": {"image_id": "abc_1"}, "annotations": [{"id": 1, "completed_by": by, "result": []}]}
        ((task,), _) = read_tasks([value], source, {2: "ann"})
        return task.drawn[0].annotator

    assert annotator("x", {"id": 2, "email": "other@x.org"}) == "ann"
    assert annotator("x", {"id": 1, "email": "bob@x.org"}) == annotator("y", {"email": "bob@x.org"}) == "bob"
    assert annotator("x", 1) == annotator("x", {"id": 1}) != annotator("y", 1)
    assert annotator("x", True) == annotator("x", None) == ""


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
    assert task.drawn[0].boxes == (BOX,)
    assert (task.drawn[0].id, task.drawn[0].not_visible) == (9, True)
    assert task.drawn[0].annotator.startswith("user4-")


SIZE = {"original_width": 200, "original_height": 100}
SHAPES = [
    {"points": [[1, 1], [9, 1], [9, 9]], "closed": True, "polygonlabels": ["cat_meowing"], **SIZE},
    {"x": 5, "y": 5, "radiusX": 2, "radiusY": 2, "rotation": 0, "ellipselabels": ["cat_meowing"], **SIZE},
    {"format": "rle", "rle": [1, 2], "brushlabels": ["cat_meowing"], **SIZE},
    {"x": 25, "y": 25, "width": 50, "height": 50, "rotation": 0},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_of_json_min_that_is_no_box_is_lost(shape: dict[str, Any]) -> None:
    value = {"image": "/x/abc_1.jpg", "images": [{"url": "/x/abc_1.jpg"}], "annotation_id": 9}
    ((task,), _) = read_tasks([{**value, "outline": [shape]}], "x")
    assert not task.drawn[0].boxes and LOST & set(task.drawn[0].notes)
    spoken = {"words": [{"start": 0, "end": 1, "labels": ["a"]}], "stars": [{"rating": 3}]}
    ((task,), _) = read_tasks([{**value, **spoken}], "x")
    assert not task.drawn[0].boxes and task.drawn[0].notes == ()


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
        several = path.name.startswith("02")  # one task of several images
        assert [why.split(",")[0] for _, why in reasons] == ["shows several images"] * several
        drawn = [one for task in tasks for one in task.drawn]
        found[path.name[:2]] = (
            len(tasks),
            sum(len(one.boxes) for one in drawn),
            sum(one.notes.count("rotated") for one in drawn),
        )
    assert found == {"00": (2, 3, 0), "02": (0, 0, 0), "03": (2, 6, 0), "04": (3, 25, 25), "05": (1, 0, 0)}


def test_createml_is_named_as_such() -> None:
    box = {"label": "dog_barking", "coordinates": {"x": 41.0, "y": 50.0, "width": 40.0, "height": 40.0}}
    unseen = {"image": "abc_1.jpg", "verified": False, "annotations": []}
    values = [unseen, {"image": "abc_2.jpg", "verified": True, "annotations": [box]}]
    with pytest.raises(PipelineError, match=r"^a\.json: CreateML, .* is not read; let labelImg save as"):
        read_tasks(values, "a.json")
