"""Frames -> tasks: repeatable, completes what a killed push left, and touches nothing annotated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.labels.studio import push as module
from pipeline.labels.studio.frame_tasks import FrameTask, frames_to_label
from pipeline.labels.studio.proposals import (
    Proposals,
    Proposed,
    from_boxes,
    read_proposals,
    write_proposals,
)
from pipeline.labels.studio.push import push
from pipeline.labels.studio.regions import read_regions
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.label_files import catalog

CONFIG = "<View/>"
FRAMES = [
    FrameTask(Frame("abc", k), "dog_barking", f"train/dog_barking/abc/abc_{k}.jpg", 160, 120)
    for k in range(1, 6)
]
DOG = Box("dog_barking", 21, 30, 61, 70)


def _push(studio: FakeStudio, frames: list[FrameTask] = FRAMES, proposals: Proposals | None = None) -> Any:
    return push(studio, "t", CONFIG, frames, Path("/m"), proposals=proposals)  # type: ignore[arg-type]


def _proposals(version: str = "v1") -> Proposals:
    return Proposals(version, {f"abc_{k}": Proposed((DOG,), 0.1 * k, 160, 120) for k in range(1, 6)})


def test_twice_adds_nothing_and_new_frames_are_added() -> None:
    studio = FakeStudio()
    assert _push(studio, FRAMES[:3]).added == 3
    done = _push(studio)
    assert (done.added, done.existing) == (2, 3)
    assert [task["data"]["image_id"] for task in studio.held] == [f"abc_{k}" for k in range(1, 6)]
    assert (
        studio.held[0]["data"]["image"] == "/data/local-files/?d=clips/images/train/dog_barking/abc/abc_1.jpg"
    )
    assert studio.held[0]["data"]["sound"] == "/data/local-files/?d=clips/sounds/abc.flac"


def test_names_are_quoted_in_addresses() -> None:
    studio = FakeStudio()
    _push(
        studio,
        [
            FrameTask(
                Frame("a b&d=..?#", 1), "dog_barking", "train/dog_barking/a b&d=..?#/a b&d=..?#_1.jpg", 9, 9
            )
        ],
    )
    assert "/a%20b%26d%3D..%3F%23_1.jpg" in studio.held[0]["data"]["image"]


def test_killed_half_way_a_second_run_completes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    studio = FakeStudio()
    studio.alive = 1
    with pytest.raises(PipelineError, match="gone"):
        _push(studio, proposals=_proposals())
    assert len(studio.held) == 2
    studio.alive = 1_000
    assert _push(studio, proposals=_proposals()).added == 3
    assert [task["data"]["image_id"] for task in studio.held] == [f"abc_{k}" for k in range(1, 6)]
    assert all(len(task["predictions"]) == 1 for task in studio.held)
    studio.alive = 1
    with pytest.raises(PipelineError, match="gone"):
        _push(studio, proposals=_proposals("v2"))
    studio.alive = 1_000
    assert _push(studio, proposals=_proposals("v2")).proposals == 3
    assert all([one["model_version"] for one in task["predictions"]] == ["v1", "v2"] for task in studio.held)


def test_what_was_annotated_gets_no_new_proposal() -> None:
    studio = FakeStudio()
    _push(studio)
    studio.held[0]["total_annotations"] = 1
    studio.held[1]["cancelled_annotations"] = 1
    assert _push(studio, proposals=_proposals()).proposals == 3
    assert [len(task["predictions"]) for task in studio.held] == [0, 0, 1, 1, 1]


def test_the_least_certain_come_first_and_the_version_is_shown() -> None:
    studio = FakeStudio()
    _push(studio, proposals=_proposals())
    assert studio.project and studio.project["model_version"] == "v1"
    assert studio.project["sampling"] == "Uncertainty sampling"
    first = studio.held[0]["predictions"][0]
    assert first["score"] == 0.1 and read_regions(first["result"]).boxes == [DOG]


def test_anothers_task_of_a_frame_keeps_what_it_shows() -> None:
    studio = FakeStudio()
    data = {"image": "/data/upload/1/abc_1.jpg", "image_id": "123"}
    studio.held.append({"id": 1, "predictions": [], "data": data})
    assert _push(studio).added == 4
    assert studio.held[0]["data"] == {"image": "/data/upload/1/abc_1.jpg", "image_id": "123"}


def test_what_has_changed_here_is_updated_unless_it_was_worked_on() -> None:
    studio = FakeStudio()
    _push(studio)
    studio.held[0]["total_annotations"] = 1
    studio.held[1]["data"]["note"] = "mine"
    before = dict(studio.held[0]["data"])
    cats = [
        FrameTask(Frame("abc", k), "cat_meowing", f"train/cat_meowing/abc/abc_{k}.jpg", 160, 120)
        for k in range(1, 5)
    ]
    done = _push(studio, cats)
    assert (done.added, done.updated, done.changed, done.unknown) == (0, 3, ("abc_1",), ("abc_5",))
    assert studio.held[0]["data"] == before
    data = studio.held[1]["data"]
    assert (data["category"], data["heading"], data["note"]) == (
        "cat_meowing",
        "cat_meowing: frame 2 of abc",
        "mine",
    )
    assert _push(studio, cats).updated == 0


def test_a_project_made_by_other_means_is_known_by_its_images() -> None:
    studio = FakeStudio()
    _push(studio, [])
    for k in range(1, 6):
        data = {"image": f"/data/upload/3/0a1b2c3d-abc_{k}.jpg"}
        studio.held.append({"id": k, "data": data, "predictions": [], "total_annotations": 0})
    done = _push(studio)
    assert (done.added, done.existing, done.updated, done.doubled) == (0, 5, 0, ())
    assert studio.held[0]["data"] == {"image": "/data/upload/3/0a1b2c3d-abc_1.jpg"}


def test_a_configuration_changed_there_is_replaced_and_reported() -> None:
    studio = FakeStudio()
    assert not _push(studio).config_replaced
    assert studio.project is not None
    studio.project["label_config"] = "<View><Header/></View>"
    assert _push(studio).config_replaced and studio.project["label_config"] == CONFIG


def test_a_frame_held_twice_is_reported() -> None:
    studio = FakeStudio()
    _push(studio)
    studio.held.append(dict(studio.held[0]))
    assert _push(studio).doubled == ("abc_1",)


def test_proposals_are_written_and_read(tmp_path: Path) -> None:
    write_proposals(tmp_path / "p.json", _proposals())
    assert read_proposals(tmp_path / "p.json") == _proposals()
    (tmp_path / "p.json").write_text('{"frames": {"a": []}}')
    with pytest.raises(PipelineError, match=r"p\.json"):
        read_proposals(tmp_path / "p.json")
    (tmp_path / "p.json").write_text(
        '{"model_version": "m", "ordered": true, "frames": {"a": {"boxes": [], "score": 1, "size": [0, 9]}}}'
    )
    with pytest.raises(PipelineError, match=r"p\.json: holds no proposals .*an image of 0 x 9"):
        read_proposals(tmp_path / "p.json")
    with pytest.raises(PipelineError, match=r"no\.json: no such file; make it with `avs labels propose`"):
        read_proposals(tmp_path / "no.json")


def test_labels_become_proposals_with_a_version_of_their_content() -> None:
    corners = {"xmin": 21, "ymin": 30, "xmax": 61, "ymax": 70}
    row = {"name": "abc", "frame": 1, "category": "dog_barking", "width": 160, "height": 120, **corners}
    made = from_boxes(pd.DataFrame([row]))
    assert made.frames == {"abc_1": Proposed((DOG,), 1.0, 160, 120)} and not made.ordered
    assert made.model_version == from_boxes(pd.DataFrame([row])).model_version
    assert made.model_version != from_boxes(pd.DataFrame([{**row, "xmin": 22}])).model_version


def test_missing_frames_are_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="dvc repro frames"):
        frames_to_label(catalog(), tmp_path, workers=SERIAL)
