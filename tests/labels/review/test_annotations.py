"""The list of all annotations beside the labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.labels.review.annotations import (
    ANNOTATIONS,
    annotations_file,
    distinct,
    read_annotations,
)
from pipeline.utils.errors import PipelineError


@pytest.mark.parametrize("line", ["{", "[]", '{"boxes": 3}', json.dumps({"boxes": [["a", 1, 2, 3]]})])
def test_a_damaged_list_of_annotations_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / ANNOTATIONS).write_text(f"\n{line}\n")
    with pytest.raises(PipelineError, match="line 2"):
        read_annotations(tmp_path)


def _line(source: str, number: int, annotator: str, **more: Any) -> dict[str, Any]:
    line = {"source": source, "annotation": number, "annotator": annotator, "name": "abc", "frame": 1}
    return {
        **line,
        "updated": "2026",
        "state": "boxed",
        "boxes": [["dog", 1, 2, 3, 4]],
        "chosen": True,
        **more,
    }


def test_an_annotation_that_two_sources_bring_counts_once() -> None:
    server = _line("http://x/projects/1", 8, "ann", project=1, unique="u-8")
    exported = _line("/e.json", 8, "user1-abc", unique="u-8")
    minimal = _line("/min.json", 8, "user1-def")
    stranger = _line("/other.json", 8, "user1-ghi", boxes=[["dog", 9, 9, 10, 10]])
    assert distinct([minimal, exported, server, stranger]) == [server, stranger]
    before = {**exported, "updated": "2025", "boxes": []}
    assert distinct([before, server]) == [server]  # changed since that export
    without_name = {**before, "source": "/min.json", "unique": ""}
    assert distinct([without_name, before, server]) == [server]  # in whatever order they stand
    unnumbered = _line("/a.json", 0, ""), _line("/b.json", 0, "")
    assert len(distinct(unnumbered)) == 2


def test_the_list_is_the_same_in_any_order_and_holds_any_text(tmp_path: Path) -> None:
    lines = [_line("a", 1, "\udc80"), _line("b", 2, "\u72ac")]
    assert annotations_file(lines) == annotations_file(lines[::-1])
    (tmp_path / ANNOTATIONS).write_bytes(annotations_file(lines))
    assert sorted(line["annotator"] for line in read_annotations(tmp_path)) == ["\u72ac", "\udc80"]
