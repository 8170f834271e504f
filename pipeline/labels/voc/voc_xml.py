"""VOC XML reading and writing: one file a frame, as labelImg has it.

Coordinates are pixels counted from 1, both ends inside the box (VOC's convention): a box over the whole of a
160 x 120 image is 1, 1, 160, 120.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers import expat
from xml.sax.saxutils import escape

from pipeline.utils.errors import PipelineError
from pipeline.utils.files import write_text

MAX_BYTES = 4 * 2**20  # of one file: a labelImg file with one box has about 500
MAX_BOXES = 10_000  # in one file
MAX_COORDINATE = 10**7  # pixels; beyond it a number is a mistake, not a place
# what XML 1.0 cannot hold, and line breaks, which it would not give back
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Box:
    """A rectangle with a class; pixels from 1, both ends inside. It may break the `rules`."""

    category: str
    xmin: int
    ymin: int
    xmax: int
    ymax: int

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """VOC corners: xmin, ymin, xmax, ymax."""
        return self.xmin, self.ymin, self.xmax, self.ymax


@dataclass(frozen=True)
class Annotation:
    """What one file says about one image. Width and height are 0 where the file does not give them."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    filename: str
    annotator: str = ""
    owner: str = ""  # the tool, where it names itself as Label Studio does


class UnreadableLabelError(PipelineError):
    """A file that gives no annotation; `kind` is the name of the problem, as the checks list it."""

    def __init__(self, path: Path, kind: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path, self.kind, self.detail = path, kind, detail

    def __reduce__(self) -> tuple[type[UnreadableLabelError], tuple[Path, str, str]]:
        return type(self), (self.path, self.kind, self.detail)  # it crosses from worker processes


def read_voc(path: Path) -> Annotation:
    """Read one VOC XML file, from labelImg or another tool.

    Fractional coordinates are rounded to the nearest pixel. Paths inside the file are never followed.

    Raises:
        UnreadableLabelError: a `PipelineError` that names the file, if it cannot be read, is larger than
            `MAX_BYTES`, is not XML, declares a document type or entities, is not a VOC annotation, holds more
            than `MAX_BOXES` objects, or an object without a class or with coordinates that are not numbers.
    """
    try:
        large = path.stat().st_size > MAX_BYTES
        data = b"" if large else path.read_bytes()
    except OSError as error:
        raise UnreadableLabelError(path, "unreadable", f"cannot be read: {error.strerror}.") from error
    if large:
        detail = (
            f"is larger than {MAX_BYTES // 2**20} MiB, too large for an annotation of one frame; remove it."
        )
        raise UnreadableLabelError(path, "too_large", detail)
    return parse_voc(path, data)


def parse_voc(path: Path, data: bytes) -> Annotation:
    """The contents of a file; `path` only names it in errors. See `read_voc`."""
    try:
        _refuse_document_type(data)
        root = fromstring(data)
    except _DocumentTypeError:
        detail = "declares a document type or entities, which are refused; save it again from labelImg."
        raise UnreadableLabelError(path, "entities", detail) from None
    except (ParseError, expat.ExpatError, LookupError, ValueError) as error:
        detail = f"is not XML ({error}); save it again from labelImg."
        raise UnreadableLabelError(path, "not_xml", detail) from error
    return _annotation(path, root)


def read_many(folder: Path, sources: Sequence[str]) -> list[Annotation | UnreadableLabelError]:
    """Read files under `folder`, for worker processes; one that cannot be read gives its error."""
    return [_try_voc(folder / source) for source in sources]


def _try_voc(path: Path) -> Annotation | UnreadableLabelError:
    try:
        return read_voc(path)
    except UnreadableLabelError as error:
        return error


def write_voc(path: Path, annotation: Annotation) -> None:
    """Write, atomically, what labelImg would: tabs, no declaration, `truncated` where a box touches an edge.

    The numbers are written as given.

    Raises:
        PipelineError: a class or name has characters that XML cannot hold.
    """
    write_text(path, voc_text(annotation, folder=path.parent.name, where=str(path)))


def voc_text(annotation: Annotation, folder: str = "", where: str = "annotation") -> str:
    """The text of the file that `write_voc` writes.

    Args:
        annotation: of one image.
        folder: what the file says about its folder.
        where: names the file in errors.

    Raises:
        PipelineError: see `write_voc`.
    """
    width, height = annotation.width, annotation.height
    lines = [
        "<annotation>",
        f"\t<folder>{_safe(folder, where)}</folder>",
        f"\t<filename>{_safe(annotation.filename, where)}</filename>",
        "\t<source>",
        "\t\t<database>Unknown</database>",
        "\t</source>",
        "\t<size>",
        f"\t\t<width>{width}</width>",
        f"\t\t<height>{height}</height>",
        "\t\t<depth>3</depth>",
        "\t</size>",
        "\t<segmented>0</segmented>",
    ]
    if annotator := _safe(annotation.annotator, where):
        lines.append(
            f"\t<annotator>{annotator}</annotator>"
        )  # this project's own element: labelImg ignores it
    for box in annotation.boxes:
        if not box.category.strip():
            raise PipelineError(f"{where}: a box without a class cannot be written; name its class.")
        touches = box.xmin <= 1 or box.ymin <= 1 or box.xmax >= width or box.ymax >= height
        lines += [
            "\t<object>",
            f"\t\t<name>{_safe(box.category, where)}</name>",
            "\t\t<pose>Unspecified</pose>",
            f"\t\t<truncated>{int(touches)}</truncated>",
            "\t\t<difficult>0</difficult>",
            "\t\t<bndbox>",
            f"\t\t\t<xmin>{box.xmin}</xmin>",
            f"\t\t\t<ymin>{box.ymin}</ymin>",
            f"\t\t\t<xmax>{box.xmax}</xmax>",
            f"\t\t\t<ymax>{box.ymax}</ymax>",
            "\t\t</bndbox>",
            "\t</object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


class _DocumentTypeError(Exception):
    pass


def _refuse_document_type(data: bytes) -> None:
    """Raise at a document type: without one, XML has no entities of its own, neither bombs nor outside ones.

    A pass of its own, because Python's fast tree builder offers no such check; together they take half the
    time of the slow one that does (defusedxml).
    """

    def refuse(*_: object) -> None:
        raise _DocumentTypeError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def _safe(text: str, where: str) -> str:
    if _FORBIDDEN.search(text) or text != text.strip():
        detail = "has control characters or blanks at an end; rename it."
        raise PipelineError(f"{where}: the name {text!r} {detail}")
    return escape(text)


def _annotation(path: Path, root: Element) -> Annotation:
    if root.tag != "annotation":
        detail = f"is XML, but not a VOC annotation (its root is <{root.tag[:40]}>); remove it or fix it."
        raise UnreadableLabelError(path, "not_voc", detail)
    objects = root.findall("object")
    if len(objects) > MAX_BOXES:
        raise UnreadableLabelError(
            path, "too_many_boxes", f"holds {len(objects)} boxes; at most {MAX_BOXES} are read."
        )
    return Annotation(
        width=_size(root, "width"),
        height=_size(root, "height"),
        boxes=tuple(_box(path, number, element) for number, element in enumerate(objects, start=1)),
        filename=_text(root, "filename"),
        annotator=_text(root, "annotator"),
        owner=_text(root, "owner/name"),
    )


def _box(path: Path, number: int, element: Element) -> Box:
    category = _text(element, "name")
    if not category:
        raise UnreadableLabelError(path, "no_class", f"object {number} has no <name>; name its class.")
    corners = []
    for side in ("xmin", "ymin", "xmax", "ymax"):
        text = _text(element, f"bndbox/{side}")
        value = _number(text)
        if value is None:
            detail = (
                f"object {number}: <{side}>{text[:40]}</{side}> is not a pixel coordinate; draw it again."
            )
            raise UnreadableLabelError(path, "bad_number", detail)
        corners.append(value)
    return Box(category, *corners)


def _size(root: Element, side: str) -> int:
    value = _number(_text(root, f"size/{side}"))
    return value if value is not None and value > 0 else 0


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _number(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value) or abs(value) > MAX_COORDINATE:
        return None
    return math.floor(value + 0.5)
