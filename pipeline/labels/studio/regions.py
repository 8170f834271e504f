"""Conversion between Label Studio's regions and boxes.

Coordinates there are percentages of the image's sides; a box may be rotated, clockwise about its top-left
corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from pipeline.labels.studio.coerce import dicts, number, pixels, string
from pipeline.labels.voc.voc_xml import MAX_BOXES, MAX_COORDINATE, Box

BOX, IMAGE, VISIBILITY = "box", "image", "visibility"  # names in labels/label_studio.xml
NOT_VISIBLE = "sounding object not visible"
# notes of regions that were left out: an annotation with one of them and no box does not say "not visible"
LOST = frozenset(
    (
        "no_list",
        "too_many_boxes",
        "no_region",
        "other_shape",
        "no_size",
        "image_turned",
        "bad_number",
        "no_class",
        "empty",
    )
)
# types of regions without a place in the picture; any other type but a rectangle is a shape that is lost
NOT_SHAPES = frozenset(
    (
        "audio",
        "choices",
        "datetime",
        "hypertextlabels",
        "labels",
        "number",
        "pairwise",
        "paragraphlabels",
        "ranker",
        "rating",
        "relation",
        "taxonomy",
        "text",
        "textarea",
        "timeserieslabels",
    )
)


@dataclass
class Regions:
    """What a list of regions says.

    Attributes:
        boxes: in pixels of the image.
        origins: of each box, as Label Studio names it.
        notes: kinds of regions that were changed or left out.
        not_visible: whether the annotator said that the object is not visible.
        width: of the image, pixels; 0 if unknown.
        height: of the image, pixels; 0 if unknown.
    """

    boxes: list[Box] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_visible: bool = False
    width: int = 0
    height: int = 0


def regions(boxes: tuple[Box, ...] | list[Box], width: int, height: int) -> list[dict[str, Any]]:
    """Boxes in an image of `width` x `height` pixels -> Label Studio's regions; `read_regions` inverts it."""
    return [
        {
            "id": f"box{count}",
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
        for count, box in enumerate(boxes, start=1)
    ]


def read_regions(result: Any, width: int = 0, height: int = 0) -> Regions:
    """Regions -> boxes, rounded to whole pixels; a rotated box becomes its upright hull.

    Nothing raises: what is not a plausible box is left out, with a note. Boxes are clipped to the image, with
    a note too.

    Args:
        result: as parsed from JSON.
        width: of the image in pixels, used if no region gives its size; of several sizes the last counts.
        height: likewise.
    """
    read = Regions(width=width, height=height)
    if not isinstance(result, list):
        read.notes.append("no_list")
        return read
    if len(result) > MAX_BOXES:
        read.notes.append("too_many_boxes")
        return read
    # one size for all: if frames were written again in between, the regions have several
    for region in dicts(result):
        sides = pixels(region.get("original_width")), pixels(region.get("original_height"))
        if all(sides):
            read.width, read.height = sides
    for region in result:
        value = region.get("value") if isinstance(region, dict) else None
        kind = string(region.get("type")) if isinstance(region, dict) else ""
        if kind == "choices" and isinstance(value, dict):
            choices = value.get("choices")
            read.not_visible |= isinstance(choices, list) and NOT_VISIBLE in choices
        elif kind in NOT_SHAPES:
            read.notes.append("other_type")
        elif not isinstance(value, dict):
            read.notes.append("no_region")
        elif kind in ("rectanglelabels", "rectangle"):
            _read_box(region, read)
        else:
            read.notes.append("other_shape")
    return read


def _read_box(region: dict[str, Any], read: Regions) -> None:
    value, width, height = region["value"], read.width, read.height
    if not width or not height:
        read.notes.append("no_size")
        return
    if number(region.get("image_rotation") or 0) != 0:
        read.notes.append("image_turned")
        return
    sides = [number(value.get(key)) for key in ("x", "y", "width", "height")]
    turn = number(value.get("rotation", 0) or 0)
    labels = value.get("rectanglelabels")
    if turn is None or any(side is None for side in sides):
        read.notes.append("bad_number")
        return
    if not isinstance(labels, list) or not labels or not isinstance(labels[0], str) or not labels[0].strip():
        read.notes.append("no_class")
        return
    x, y, w, h = (side / 100 * size for side, size in zip(sides, (width, height) * 2, strict=True))  # type: ignore[operator]
    if turn % 360:
        read.notes.append("rotated")
    left, top, right, bottom = _hull(x, y, w, h, turn)
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
    read.boxes.append(Box(labels[0].strip(), *clipped))
    read.origins.append(string(region.get("origin")))


def _hull(x: float, y: float, w: float, h: float, turn: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a box turned clockwise by `turn` degrees about its top-left corner."""
    if not turn % 360:
        return x, y, x + w, y + h
    angle = math.radians(turn % 360)
    across, down = (w * math.cos(angle), w * math.sin(angle)), (-h * math.sin(angle), h * math.cos(angle))
    xs, ys = (
        [start, start + a, start + b, start + a + b] for start, a, b in zip((x, y), across, down, strict=True)
    )
    return min(xs), min(ys), max(xs), max(ys)


def _round(value: float) -> int:
    return math.floor(value + 0.5)
