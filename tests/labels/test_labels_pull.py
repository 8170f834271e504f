"""Tasks -> labels: which annotation counts, what is left out, and what a pull does the next time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from labels_world import DOG, catalog

from pipeline.errors import PipelineError
from pipeline.labels.merge import Side
from pipeline.labels.places import Frame
from pipeline.labels.pull import ANNOTATIONS, choose, collect, outcome, pull, read_annotations
from pipeline.labels.studio_json import Drawn, Proposal, Task
from pipeline.labels.studio_regions import regions
from pipeline.labels.table import homes
from pipeline.labels.voc import Box, read_voc

CLIPS = homes(catalog())


def _drawn(id_: int = 1, boxes: tuple[Box, ...] = (DOG,), **more: Any) -> Drawn:
    values = {
        "annotator": "ann", "updated": "2026-01-01T00:00:00Z", "cancelled": False, "ground_truth": False,
        "lead_time": 2.0, "width": 160, "height": 120, **more,
    }  # fmt: skip
    return Drawn(id=id_, boxes=boxes, **values)


def test_ground_truth_counts_before_the_latest_and_a_skip_never() -> None:
    old, new = _drawn(1), _drawn(2, updated="2026-02-01T00:00:00Z")
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
    found = collect(tasks, CLIPS)
    assert list(found.labels) == [Frame("abc", 2)] and b"<object>" not in found.labels[Frame("abc", 2)]
    assert (found.skipped, found.empty) == (1, 1)
    assert [line["state"] for line in found.lines] == ["skipped", "empty"]


def test_all_annotations_are_kept_and_one_is_chosen() -> None:
    other = Box("dog_barking", 1, 1, 9, 9)
    tasks = [
        Task(1, "abc_1", (_drawn(1), _drawn(2, (other,), annotator="bob", updated="2027"))),
        Task(9, "abc_1", (_drawn(3),)),
    ]
    found = collect(tasks, CLIPS)
    assert [(line["annotator"], line["chosen"]) for line in found.lines] == [
        ("ann", False),
        ("bob", True),
        ("ann", False),
    ]
    assert found.several == 1
    assert (
        b"<xmin>1<" in found.labels[Frame("abc", 1)] and b"<annotator>bob<" in found.labels[Frame("abc", 1)]
    )


@pytest.mark.parametrize(
    "name", ["ghost_1", "abc", "abc_6", "abc_0", "../abc_1", "/etc/abc_1", "a/b_1", "x" * 10_000, ""]
)
def test_a_task_of_no_frame_is_left_out_with_the_reason(name: str) -> None:
    found = collect([Task(1, name, (_drawn(),))], CLIPS)
    assert not found.labels and not found.lines
    assert found.left_out == [(name, "names no frame of a clip in the catalogue")]


def test_lost_regions_do_not_make_an_empty_label() -> None:
    found = collect([Task(1, "abc_1", (_drawn(boxes=(), notes=("bad_number",)),))], CLIPS)
    assert not found.labels and "bad_number" in found.left_out[0][1]
    assert found.lines[0]["state"] == "unreadable"


def test_a_class_that_xml_cannot_hold_is_left_out() -> None:
    found = collect([Task(1, "abc_1", (_drawn(boxes=(Box("a\0b", 1, 1, 2, 2),)),))], CLIPS)
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
    assert collect([task], CLIPS, "new").lines[0]["proposal"] == expected


def test_proposing_nothing_where_nothing_is_drawn_was_right() -> None:
    assert outcome((), ()) == "kept"


class FakeStudio:
    """The four answers that a pull asks for."""

    url = "http://127.0.0.1:1"

    def __init__(self, *boxes: Box) -> None:
        self.boxes = boxes

    def find_project(self, title: str) -> dict[str, Any] | None:
        return {"id": 1, "model_version": "m"} if title == "t" else None

    def annotated(self, project: int) -> list[dict[str, Any]]:
        return [
            {
                "id": 5,
                "data": {"image_id": "abc_1", "width": 160, "height": 120},
                "annotations": [
                    {
                        "id": 8,
                        "completed_by": 1,
                        "result": regions(self.boxes, 160, 120),
                        "updated_at": "2026",
                    }
                ],
            }
        ]

    def predictions(self, project: int) -> list[dict[str, Any]]:
        return [{"task": 5, "model_version": "m", "score": 0.5, "result": regions([DOG], 160, 120)}]

    def people(self) -> dict[int, str]:
        return {1: "ann"}


def _pull(tmp_path: Path, studio: FakeStudio, side: Side | None = None) -> Any:
    return pull(studio, "t", tmp_path / "voc", CLIPS, tmp_path / "met.json", side)  # type: ignore[arg-type]


def test_pull_is_repeatable_and_remembers(tmp_path: Path) -> None:
    plan, _ = _pull(tmp_path, FakeStudio(DOG))
    path = tmp_path / "voc/dog_barking/abc/abc_1.xml"
    assert read_voc(path).boxes == (DOG,) and len(plan.write) == 1
    (line,) = read_annotations(tmp_path / "voc")
    assert (line["proposal"], line["project"], line["task"], line["source"]) == ("kept", 1, 5, "t")
    assert not _pull(tmp_path, FakeStudio(DOG))[0].write
    path.write_text(path.read_text().replace("<xmin>21", "<xmin>22"))
    changed = FakeStudio(Box("dog_barking", 5, 5, 50, 50))
    assert _pull(tmp_path, changed)[0].conflicts and "<xmin>22" in path.read_text()
    _pull(tmp_path, changed, "theirs")
    assert "<xmin>5<" in path.read_text()


def test_no_such_project(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="avs labels push"):
        pull(FakeStudio(DOG), "other", tmp_path, CLIPS, tmp_path / "met.json")  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["{", "[]", '{"boxes": 3}', json.dumps({"boxes": [["a", 1, 2, 3]]})])
def test_a_damaged_list_of_annotations_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / ANNOTATIONS).write_text(f"\n{line}\n")
    with pytest.raises(PipelineError, match="line 2"):
        read_annotations(tmp_path)
