"""Annotation list `annotations.jsonl`: every annotation that pulls and imports brought, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.labels.studio.coerce import instant
from pipeline.utils.errors import PipelineError

ANNOTATIONS = "annotations.jsonl"  # in the label folder, so that `dvc add` versions it with the labels


def read_annotations(folder: Path) -> list[dict[str, Any]]:
    """The lines of a label folder's list; none if it has no list.

    Raises:
        PipelineError: names a bad line.
    """
    path = folder / ANNOTATIONS
    found = []
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: cannot be read ({error}); pull again after moving it away.") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PipelineError(f"{path}: line {number} is not JSON ({error}); remove that line.") from error
        if not _is_annotation(value):
            raise PipelineError(f"{path}: line {number} is not an annotation; remove that line.")
        found.append(value)
    return found


def annotations_file(lines: Iterable[dict[str, Any]]) -> bytes:
    """The contents of the list, in an order that does not depend on who came first."""
    texts = sorted(json.dumps(line, sort_keys=True, ensure_ascii=False) for line in lines)
    # half a surrogate pair, which UTF-8 cannot hold, stays as JSON escapes it
    return "".join(f"{text}\n" for text in texts).encode(errors="backslashreplace")


def distinct(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each annotation once, though several sources bring it: a project, and files exported from it.

    Two are the same if they have Label Studio's unique name in common, or number, frame, time and boxes. The
    latest counts; of equals the one from a server, which knows its annotator's name.
    """
    kept, seen = [], set[str]()

    def rank(line: dict[str, Any]) -> tuple[float, bool, bool]:
        # of equals the one with both identities goes first: it matches those that have only one
        return instant(line.get("updated")), "project" in line, bool(line.get("unique"))

    for line in sorted(lines, key=rank, reverse=True):
        names = {name for name in (line.get("unique"), _content(line)) if isinstance(name, str) and name}
        if not names & seen:
            kept.append(line)
        seen |= names
    return kept


def _content(line: dict[str, Any]) -> str | None:
    if not line.get("annotation"):
        return None
    keys = ("annotation", "name", "frame", "state", "boxes")
    return json.dumps([instant(line.get("updated")), *(line.get(key) for key in keys)])


def _is_annotation(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("boxes"), list):
        return False
    typed = [(key, str) for key in ("annotator", "name", "state")] + [("frame", int), ("chosen", bool)]
    boxes = all(
        isinstance(box, list)
        and len(box) == 5
        and isinstance(box[0], str)
        and all(type(side) is int for side in box[1:])
        for box in value["boxes"]
    )
    return boxes and all(isinstance(value.get(key), kind) for key, kind in typed)
