"""Tasks -> labels: which annotation counts, what is left out, and what is worth a look."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipeline.data.catalog import clips_by_name
from pipeline.labels.studio.export_json import Proposal, StudioAnnotation, Task
from pipeline.labels.sync.from_studio import choose, collect, outcome
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.voc_xml import Box
from tests.helpers.label_files import DOG, catalog

CLIPS = clips_by_name(catalog())


def _drawn(id_: int = 1, boxes: tuple[Box, ...] = (DOG,), **more: Any) -> StudioAnnotation:
    values = {
        "annotator": "ann", "updated": "2026-01-01T00:00:00Z", "cancelled": False, "ground_truth": False,
        "lead_time": 2.0, "width": 160, "height": 120, **more,
    }  # fmt: skip
    return StudioAnnotation(id=id_, boxes=boxes, **values)


def test_ground_truth_counts_before_the_latest_and_a_skip_never() -> None:
    old, new = _drawn(1), _drawn(2, updated="2026-02-01T00:00:00Z")
    east = _drawn(3, updated="2026-02-01T01:00:00+05:00")  # before `new`, though its text is after
    assert choose([east, new]) is new
    skip = _drawn(3, updated="2026-03-01T00:00:00Z", cancelled=True)
    assert choose([old, new, skip]) is new
    assert choose([old, _drawn(4, ground_truth=True), new]) == _drawn(4, ground_truth=True)
    assert choose([skip]) is None


def test_skipped_is_not_empty() -> None:
    tasks = [
        Task(1, "abc_1", (_drawn(1, cancelled=True, boxes=()),)),
        Task(2, "abc_2", (_drawn(2, boxes=(), not_visible=True),)),
        Task(3, "abc_3", ()),
    ]
    found = collect(tasks, CLIPS, "t")
    assert list(found.labels) == [Frame("abc", 2)] and b"<object>" not in found.labels[Frame("abc", 2)].data
    assert (found.skipped, found.empty) == (1, 1)
    assert [line["state"] for line in found.lines] == ["skipped", "empty"]


def test_all_annotations_are_kept_and_one_is_chosen() -> None:
    other = Box("dog_barking", 1, 1, 9, 9)
    tasks = [
        Task(1, "abc_1", (_drawn(1), _drawn(2, (other,), annotator="bob", updated="2027-01-01"))),
        Task(9, "abc_1", (_drawn(3),)),
    ]
    found = collect(tasks, CLIPS, "t")
    assert [(line["annotator"], line["chosen"]) for line in found.lines] == [
        ("ann", False),
        ("bob", True),
        ("ann", False),
    ]
    assert found.several == 1
    (theirs,) = found.labels.values()
    assert theirs.source == "t" and b"<xmin>1<" in theirs.data and b"<annotator>bob<" in theirs.data


@pytest.mark.parametrize(
    "name", ["ghost_1", "abc", "abc_6", "abc_0", "../abc_1", "/etc/abc_1", "a/b_1", "x" * 10_000, ""]
)
def test_a_task_of_no_frame_is_left_out_with_the_reason(name: str) -> None:
    found = collect([Task(1, name, (_drawn(),))], CLIPS, "t")
    assert not found.labels and not found.lines
    assert found.left_out == [(name, "names no frame of a clip in the catalogue")]


def test_lost_regions_do_not_make_an_empty_label() -> None:
    found = collect([Task(1, "abc_1", (_drawn(boxes=(), notes=("bad_number",)),))], CLIPS, "t")
    assert not found.labels and "bad_number" in found.left_out[0][1]
    assert found.lines[0]["state"] == "unreadable"


def test_what_was_taken_but_is_worth_a_look_is_named() -> None:
    tasks = [
        Task(1, "abc_1", (_drawn(notes=("bad_number",)),)),
        Task(2, "abc_2", (_drawn(not_visible=True),)),
        Task(3, "abc_3", (_drawn(boxes=(), not_visible=True, width=0, height=0),)),
        Task(4, "abc_4", (_drawn(notes=("rotated",)),)),
    ]
    found = collect(tasks, CLIPS, "t")
    assert len(found.labels) == 4 and not found.left_out
    assert [name for name, _ in found.doubtful] == ["abc_1", "abc_2", "abc_3"]
    told = " / ".join(why for _, why in found.doubtful)
    assert re.search("bad_number.*/ .*not visible.*/ .*size", told)


def test_a_class_that_xml_cannot_hold_is_left_out() -> None:
    found = collect([Task(1, "abc_1", (_drawn(boxes=(Box("a\0b", 1, 1, 2, 2),)),))], CLIPS, "t")
    assert not found.labels and "rename" in found.left_out[0][1]


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ((DOG,), "kept"),
        ((Box("dog_barking", 22, 29, 61, 71),), "kept"),
        ((Box("dog_barking", 24, 30, 61, 70),), "moved"),
        ((DOG, Box("dog_barking", 100, 100, 110, 110)), "moved"),
        ((Box("helicopter", 21, 30, 61, 70),), "thrown away"),
        ((Box("dog_barking", 100, 100, 110, 110),), "thrown away"),
        ((), "thrown away"),
    ],
)
def test_what_became_of_a_proposal(drawn: tuple[Box, ...], expected: str) -> None:
    assert outcome((DOG,), drawn) == expected
    task = Task(1, "abc_1", (_drawn(boxes=drawn),), (Proposal("new", 0.5, (DOG,)), Proposal("old", 0.5, ())))
    assert collect([task], CLIPS, "t", "new").lines[0]["proposal"] == expected


def test_proposing_nothing_where_nothing_is_drawn_was_right() -> None:
    assert outcome((), ()) == "kept"
