"""Label Studio's JSON <-> boxes. Server exports and files from elsewhere: everything in them is doubted.

Coordinates there are percentages of the image's sides; a box may be rotated, clockwise about its top-left
corner.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline.errors import PipelineError
from pipeline.labels.voc import MAX_BOXES, MAX_COORDINATE, Box

BOX, IMAGE, VISIBILITY = "box", "image", "visibility"  # names in labels/label_studio.xml
NOT_VISIBLE = "sounding object not visible"
MAX_BYTES = 2**30  # of one export: 17,260 tasks with proposals have about 30 MB
MAX_TASKS = 1_000_000


# notes of regions that were left out: an annotation that has one, and no box, is not an empty one
LOST = frozenset(
    ("no_list", "too_many_boxes", "no_region", "no_size", "image_turned", "bad_number", "no_class", "empty")
)


@dataclass(frozen=True)
class Drawn:
    """One annotation of a task. `notes` say what was changed or left out: rotated, clipped, ..."""

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


@dataclass(frozen=True)
class Proposal:
    """One prediction of a task."""

    model_version: str
    score: float | None
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Task:
    """A task as exported: `image_id` is our own stable name, or guessed from the image's address."""

    id: int
    image_id: str
    drawn: tuple[Drawn, ...] = ()
    proposals: tuple[Proposal, ...] = ()


@dataclass
class Regions:
    """What a list of regions says."""

    boxes: list[Box] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_visible: bool = False
    width: int = 0
    height: int = 0


def regions(boxes: tuple[Box, ...] | list[Box], width: int, height: int) -> list[dict[str, Any]]:
    """Boxes in an image of `width` x `height` pixels -> Label Studio's regions. Inverse: `read_regions`,
    exactly.
    """
    return [
        {
            "id": f"box{number}",
            "from_name": BOX,
            "to_name": IMAGE,
            "type": "rectanglelabels",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "x": (box.xmin - 1) / width * 100,
                "y": (box.ymin - 1) / height * 100,
                "width": (box.xmax - box.xmin + 1) / width * 100,
                "height": (box.ymax - box.ymin + 1) / height * 100,
                "rotation": 0,
                "rectanglelabels": [box.category],
            },
        }
        for number, box in enumerate(boxes, start=1)
    ]


def read_regions(result: Any, width: int = 0, height: int = 0) -> Regions:
    """Regions -> boxes, rounded to whole pixels; a rotated box becomes its upright hull.

    `width` and `height` serve where a region does not tell the image's size. Nothing raises: what is no
    sane box is left out, and a note tells why. Boxes are clipped to the image, and that is noted.
    """
    read = Regions(width=width, height=height)
    if not isinstance(result, list):
        read.notes.append("no_list")
        return read
    if len(result) > MAX_BOXES:
        read.notes.append("too_many_boxes")
        return read
    for region in result:
        if not isinstance(region, dict) or not isinstance(region.get("value"), dict):
            read.notes.append("no_region")
        elif region.get("type") == "rectanglelabels":
            _read_box(region, read)
        elif region.get("type") == "choices":
            choices = region["value"].get("choices")
            read.not_visible |= isinstance(choices, list) and NOT_VISIBLE in choices
        else:
            read.notes.append("other_type")
    return read


def _read_box(region: dict[str, Any], read: Regions) -> None:
    value = region["value"]
    width, height = (_pixels(region.get(f"original_{side}")) for side in ("width", "height"))
    width, height = width or read.width, height or read.height
    if not width or not height:
        read.notes.append("no_size")
        return
    if _number(region.get("image_rotation", 0)) != 0:
        read.notes.append("image_turned")
        return
    sides = [_number(value.get(key)) for key in ("x", "y", "width", "height")]
    turn = _number(value.get("rotation", 0) or 0)
    labels = value.get("rectanglelabels")
    if turn is None or any(side is None for side in sides):
        read.notes.append("bad_number")
        return
    if not isinstance(labels, list) or not labels or not isinstance(labels[0], str) or not labels[0].strip():
        read.notes.append("no_class")
        return
    x, y, w, h = (side / 100 * size for side, size in zip(sides, (width, height) * 2, strict=True))  # type: ignore[operator]
    angle = math.radians(turn % 360)
    if angle:
        read.notes.append("rotated")
        across, down = (w * math.cos(angle), w * math.sin(angle)), (-h * math.sin(angle), h * math.cos(angle))
        xs, ys = (
            [start, start + a, start + b, start + a + b]
            for start, a, b in zip((x, y), across, down, strict=True)
        )
        left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    else:
        left, top, right, bottom = x, y, x + w, y + h
    corners = [_round(left) + 1, _round(top) + 1, _round(right), _round(bottom)]
    if max(map(abs, corners)) > MAX_COORDINATE:
        read.notes.append("bad_number")
        return
    clipped = [max(corners[0], 1), max(corners[1], 1), min(corners[2], width), min(corners[3], height)]
    if clipped[2] < clipped[0] or clipped[3] < clipped[1]:
        read.notes.append("empty")
        return
    if clipped != corners:
        read.notes.append("clipped")
    if len(labels) > 1:
        read.notes.append("several_classes")
    read.width, read.height = width, height
    read.boxes.append(Box(labels[0].strip(), *clipped))
    read.origins.append(_string(region.get("origin")))


def read_export(path: Path) -> tuple[list[Task], list[tuple[str, str]]]:
    """Read an exported file (JSON or JSON-MIN). Returns the tasks, and (place, reason) of what is none.

    Raises `PipelineError` naming the file if it cannot be read, is too large or is not JSON.
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
    """Exported tasks as parsed from JSON; see `read_export`. `people`: user id -> name."""
    if not isinstance(values, list):
        raise PipelineError(f"{source}: holds no list of tasks; export it from Label Studio as JSON.")
    if len(values) > MAX_TASKS:
        raise PipelineError(f"{source}: holds {len(values)} tasks; at most {MAX_TASKS} are read.")
    tasks, reasons = [], []
    for number, value in enumerate(values, start=1):
        place = f"{source}: task {number}"
        if not isinstance(value, dict):
            reasons.append((place, "is no task"))
            continue
        task = _task(value, people or {})
        if task is None:
            reasons.append((place, "shows no image that could be told by name"))
        else:
            tasks.append(task)
    return tasks, reasons


def _task(value: dict[str, Any], people: dict[int, str]) -> Task | None:
    inner = value.get("data")
    data: dict[str, Any] = inner if isinstance(inner, dict) else value
    image_id = _image_id(data)
    if image_id is None:
        return None
    width, height = _pixels(data.get("width")), _pixels(data.get("height"))
    if isinstance(value.get("annotations"), list):
        drawn = tuple(_drawn(one, width, height, people) for one in _dicts(value["annotations"]))
    else:
        drawn = _minimal(value, width, height, people)
    proposals = []
    for one in _dicts(value.get("predictions")):
        boxes = tuple(read_regions(one.get("result"), width, height).boxes)
        proposals.append(Proposal(_string(one.get("model_version")), _number(one.get("score")), boxes))
    return Task(_integer(value.get("id")), image_id, drawn, tuple(proposals))


def _drawn(one: dict[str, Any], width: int, height: int, people: dict[int, str]) -> Drawn:
    read = read_regions(one.get("result"), width, height)
    return Drawn(
        id=_integer(one.get("id")),
        annotator=_annotator(one.get("completed_by"), people),
        updated=_string(one.get("updated_at") or one.get("created_at")),
        cancelled=one.get("was_cancelled") is True,
        ground_truth=one.get("ground_truth") is True,
        lead_time=_number(one.get("lead_time")),
        width=read.width,
        height=read.height,
        boxes=tuple(read.boxes),
        origins=tuple(read.origins),
        not_visible=read.not_visible,
        notes=tuple(read.notes),
    )


def _minimal(value: dict[str, Any], width: int, height: int, people: dict[int, str]) -> tuple[Drawn, ...]:
    """JSON-MIN: one annotation a row; its rectangles stand under the control's name, without their
    wrapping.
    """
    if "annotation_id" not in value and "annotator" not in value:
        return ()
    rows = [
        {**row, "value": row, "type": "rectanglelabels"}
        for control in value.values()
        for row in _dicts(control)
        if "rectanglelabels" in row
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
    return (_drawn(one, width, height, people),)


def _image_id(data: dict[str, Any]) -> str | None:
    """Our own `image_id`, or the stem of the first address that looks like an image's. A name, never a
    path.
    """
    own = data.get("image_id")
    if isinstance(own, str) and own:
        return own
    for address in _addresses(data):
        try:
            parts = urlsplit(address)
            asked = parse_qs(parts.query).get("d")
        except ValueError:
            continue
        path = asked[0] if asked else unquote(parts.path)
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


def _annotator(value: Any, people: dict[int, str]) -> str:
    if isinstance(value, dict):
        value = value.get("id")
    return people.get(value, f"user{value}") if isinstance(value, int) and not isinstance(value, bool) else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e12 else None


def _pixels(value: Any) -> int:
    number = _number(value)
    return int(number) if number is not None and 1 <= number <= MAX_COORDINATE else 0


def _integer(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _round(value: float) -> int:
    return math.floor(value + 0.5)
