"""What a pull brings, and what it does the next time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.data.catalog import clips_by_name
from pipeline.labels.review.annotations import read_annotations
from pipeline.labels.studio.regions import regions
from pipeline.labels.sync.merge import Side
from pipeline.labels.sync.pull import pull
from pipeline.labels.voc.voc_xml import Box, read_voc
from pipeline.utils.errors import PipelineError
from tests.helpers.label_files import DOG, catalog

CLIPS = clips_by_name(catalog())


class FakeStudio:
    """The four answers that a pull asks for."""

    def __init__(self, *boxes: Box, url: str = "http://127.0.0.1:1", skipped: bool = False) -> None:
        self.boxes, self.skipped = boxes, skipped
        self.url = self.name = url

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
                        "was_cancelled": self.skipped,
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
    return pull(studio, "t", tmp_path / "voc", CLIPS, tmp_path / "sync.json", side)  # type: ignore[arg-type]


def test_pull_is_repeatable_and_remembers(tmp_path: Path) -> None:
    plan, _ = _pull(tmp_path, FakeStudio(DOG))
    path = tmp_path / "voc/dog_barking/abc/abc_1.xml"
    assert read_voc(path).boxes == (DOG,) and len(plan.write) == 1
    (line,) = read_annotations(tmp_path / "voc")
    assert (line["proposal"], line["project"], line["task"], line["source"]) == (
        "kept",
        1,
        5,
        "http://127.0.0.1:1/projects/1",
    )
    assert not _pull(tmp_path, FakeStudio(DOG))[0].write
    path.write_text(path.read_text().replace("<xmin>21", "<xmin>22"))
    changed = FakeStudio(Box("dog_barking", 5, 5, 50, 50))
    assert _pull(tmp_path, changed)[0].conflicts and "<xmin>22" in path.read_text()
    _pull(tmp_path, changed, "theirs")
    assert "<xmin>5<" in path.read_text()


def test_no_such_project(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="avs labels push"):
        pull(FakeStudio(DOG), "other", tmp_path, CLIPS, tmp_path / "sync.json")  # type: ignore[arg-type]


def test_two_servers_keep_their_lines_and_do_not_take_turns(tmp_path: Path) -> None:
    first = FakeStudio(DOG)
    second = FakeStudio(Box("dog_barking", 5, 5, 50, 50), url="http://127.0.0.1:2")
    _pull(tmp_path, first)
    assert _pull(tmp_path, second)[0].conflicts  # of its own nothing is known yet: a person decides
    assert _pull(tmp_path, second, "theirs")[0].replaced
    for _ in range(2):
        assert _pull(tmp_path, first)[0].ours_changed and _pull(tmp_path, second)[0].same == 1
    lines = read_annotations(tmp_path / "voc")
    assert sorted(line["source"] for line in lines) == [f"http://127.0.0.1:{n}/projects/1" for n in (1, 2)]


def test_an_annotation_that_became_a_skip_or_is_gone_is_reported(tmp_path: Path) -> None:
    class Emptied(FakeStudio):
        def annotated(self, project: int) -> list[dict[str, Any]]:
            return []

    path = "dog_barking/abc/abc_1.xml"
    _pull(tmp_path, FakeStudio(DOG))
    assert _pull(tmp_path, FakeStudio(DOG, skipped=True))[0].gone == [path]
    assert [line["state"] for line in read_annotations(tmp_path / "voc")] == ["skipped"]
    assert _pull(tmp_path, Emptied())[0].gone == [path]
    assert (tmp_path / "voc" / path).exists() and read_annotations(tmp_path / "voc") == []
    assert not _pull(tmp_path, FakeStudio(DOG))[0].gone
