"""Label Studio JSON exports, from a server or a file; nothing in them is trusted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline.labels.studio.coerce import dicts, integer, number, pixels, string
from pipeline.labels.studio.regions import NOT_SHAPES, NOT_VISIBLE, read_regions
from pipeline.labels.voc.label_paths import split_stem
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError

MAX_BYTES = 2**30  # of one export: 17,260 tasks with proposals have about 30 MB
MAX_TASKS = 1_000_000
# of JSON-MIN's rows: keys that only a region of the picture has, and the types, which are keys there
_SHAPE = frozenset(("original_width", "rectanglelabels", "x", "points", "rle"))
_TYPES = ("rectanglelabels", *sorted(NOT_SHAPES))


@dataclass(frozen=True)
class StudioAnnotation:
    """One annotation of a task; `notes` say what was changed or left out: rotated, clipped, ..."""

    id: int
    annotator: str
    updated: str
    cancelled: bool
    ground_truth: bool
    lead_time: float | None  # seconds
    width: int
    height: int
    boxes: tuple[Box, ...]
    origins: tuple[str, ...] = ()  # of each box: "manual", "prediction" (kept) or "prediction-changed"
    not_visible: bool = False
    notes: tuple[str, ...] = ()
    unique: str = ""  # Label Studio's name of the annotation, the same in every export


@dataclass(frozen=True)
class Proposal:
    """One prediction of a task."""

    model_version: str
    score: float | None
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Task:
    """A task as exported; `image_id` is the frame's name, or a guess from the image's address."""

    id: int
    image_id: str
    drawn: tuple[StudioAnnotation, ...] = ()
    proposals: tuple[Proposal, ...] = ()


def read_export(path: Path) -> tuple[list[Task], list[tuple[str, str]]]:
    """Read an exported file (JSON or JSON-MIN).

    Returns:
        The tasks, and (place, reason) of what is not a task.

    Raises:
        PipelineError: the file cannot be read, is too large or is not JSON.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PipelineError(f"{path}: is larger than {MAX_BYTES // 2**20} MiB; export fewer tasks.")
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{path}: is not JSON ({error}); export it from Label Studio as JSON.") from error
    return read_tasks(values, str(path))


def read_tasks(
    values: Any, source: str, people: dict[int, str] | None = None
) -> tuple[list[Task], list[tuple[str, str]]]:
    """Exported tasks as parsed from JSON; see `read_export`.

    Args:
        values: the parsed JSON.
        source: names the export in reasons and errors.
        people: user id -> name; others are named by their e-mail address, or else by number and `source`.
    """
    if _is_createml(values):
        raise PipelineError(
            f"{source}: CreateML, as labelImg saves it, is not read; let labelImg save as PascalVOC."
        )
    if not isinstance(values, list):
        raise PipelineError(f"{source}: holds no list of tasks; export it from Label Studio as JSON.")
    if len(values) > MAX_TASKS:
        raise PipelineError(f"{source}: holds {len(values)} tasks; at most {MAX_TASKS} are read.")
    who = partial(_annotator, people or {}, source)
    tasks, reasons = [], []
    for count, value in enumerate(values, start=1):
        place = f"{source}: task {count}"
        if not isinstance(value, dict):
            reasons.append((place, "is not a task"))
            continue
        task = _task(value, who)
        if isinstance(task, str):
            reasons.append((place, task))
        else:
            tasks.append(task)
            if isinstance(value.get("drafts"), list) and value["drafts"]:
                reasons.append((place, "has a draft that was not submitted; submit it in Label Studio"))
    return tasks, reasons


def _is_createml(values: Any) -> bool:
    """Whether rows are CreateML's: an image's name, and boxes as labels with coordinates."""
    return any(
        "image" in row
        and any({"label", "coordinates"} <= one.keys() for one in dicts(row.get("annotations")))
        for row in dicts(values)
    )


def _task(value: dict[str, Any], who: Callable[[Any], str]) -> Task | str:
    """The task, or why it is not one."""
    inner = value.get("data")
    data: dict[str, Any] = inner if isinstance(inner, dict) else value
    images = data.get("images")
    if isinstance(images, list) and len(images) > 1:
        return "shows several images, and a box does not say in which it is; make a task of each"
    image_id = image_of(data)
    if image_id is None:
        return "shows no image with a name"
    width, height = pixels(data.get("width")), pixels(data.get("height"))
    if isinstance(value.get("annotations"), list):
        if value["annotations"] and not dicts(value["annotations"]):
            return "its annotations are not written out; export as JSON"
        drawn = tuple(_drawn(one, width, height, who) for one in dicts(value["annotations"]))
    elif "annotation_id" in value or "annotator" in value:
        drawn = (_minimal(value, width, height, who),)
    else:
        return "has no annotations that can be read; export it as JSON from Label Studio 1.0 or later"
    proposals = []
    for one in dicts(value.get("predictions")):
        boxes = tuple(read_regions(one.get("result"), width, height).boxes)
        proposals.append(Proposal(string(one.get("model_version")), number(one.get("score")), boxes))
    return Task(integer(value.get("id")), image_id, drawn, tuple(proposals))


def _drawn(one: dict[str, Any], width: int, height: int, who: Callable[[Any], str]) -> StudioAnnotation:
    read = read_regions(one.get("result"), width, height)
    return StudioAnnotation(
        id=integer(one.get("id")),
        annotator=who(one.get("completed_by")),
        updated=string(one.get("updated_at") or one.get("created_at")),
        cancelled=one.get("was_cancelled") is True,
        ground_truth=one.get("ground_truth") is True,
        lead_time=number(one.get("lead_time")),
        width=read.width,
        height=read.height,
        boxes=tuple(read.boxes),
        origins=tuple(read.origins),
        not_visible=read.not_visible,
        notes=tuple(read.notes),
        unique=string(one.get("unique_id")),
    )


def _minimal(value: dict[str, Any], width: int, height: int, who: Callable[[Any], str]) -> StudioAnnotation:
    """JSON-MIN: one annotation a row; its regions are under the control's name, without wrapping and type."""
    rows = [
        {**row, "value": row, "type": next((kind for kind in _TYPES if kind in row), "")}
        for control in value.values()
        for row in dicts(control)
        if not _SHAPE.isdisjoint(row)
    ]
    chosen = [
        {"type": "choices", "value": {"choices": [control]}}
        for control in value.values()
        if isinstance(control, str) and control == NOT_VISIBLE
    ]
    one = {
        **value,
        "id": value.get("annotation_id"),
        "completed_by": value.get("annotator"),
        "result": [*rows, *chosen],
    }
    return _drawn(one, width, height, who)


def image_of(data: dict[str, Any]) -> str | None:
    """The name of the image that a task shows, never a path.

    Its `image_id` if that names a frame, otherwise the stem of the first address that looks like an image's.
    """
    own = data.get("image_id")
    if isinstance(own, str) and split_stem(own):
        return own
    for address in _addresses(data):
        try:
            parts = urlsplit(address)
            query = parse_qs(parts.query).get("d")
        except ValueError:
            continue
        path = query[0] if query else unquote(parts.path)
        name = re.split(r"[/\\]", path)[-1]
        if "/data/upload/" in parts.path or parts.path.startswith(("upload/", "/upload/")):
            name = re.sub(r"^[0-9a-f]{8}-", "", name)  # Label Studio's prefix
        stem, dot, suffix = name.rpartition(".")
        stem = (
            stem
            if dot and suffix.lower() in ("jpg", "jpeg", "png", "bmp", "webp", "gif", "tif", "tiff")
            else name
        )
        if stem not in ("", ".", ".."):
            return stem
    return None


def _addresses(data: dict[str, Any]) -> Iterator[str]:
    for key in ("image", "img", "url"):
        if isinstance(data.get(key), str):
            yield data[key]
    images = data.get("images")
    for one in images if isinstance(images, list) else []:
        address = one.get("url") if isinstance(one, dict) else one
        if isinstance(address, str):
            yield address


def _annotator(people: dict[int, str], source: str, value: Any) -> str:
    """A user's name as `client.Studio.people` makes it; a bare number is another person in each source."""
    address = ""
    if isinstance(value, dict):
        address, value = string(value.get("email")), value.get("id")
    known = isinstance(value, int) and not isinstance(value, bool)
    place = hashlib.sha256(source.encode(errors="backslashreplace")).hexdigest()[:6]
    named = people.get(value, "") if known else ""
    return named or address.split("@")[0].strip() or (f"user{value}-{place}" if known else "")
