"""Proposals: boxes for annotators to correct, which `avs labels propose` writes and `push` sends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.labels.voc.label_paths import Frame, image_id
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import read_json, write_json

_ADVICE = "make it with `avs labels propose`"


@dataclass(frozen=True)
class Proposed:
    """The proposal for one frame.

    Attributes:
        boxes: in pixels of the image.
        score: 0..1; frames with the lowest are shown first.
        width: of the image, pixels.
        height: of the image, pixels.
    """

    boxes: tuple[Box, ...]
    score: float
    width: int
    height: int


@dataclass(frozen=True)
class Proposals:
    """By `image_id`. `ordered`: annotators get the frames with the lowest score first."""

    model_version: str
    frames: Mapping[str, Proposed]
    ordered: bool = True


def from_boxes(boxes: pd.DataFrame) -> Proposals:
    """A box table (see `table.read_labels`) as proposals, so that earlier labels are reviewed."""
    frames: dict[str, Proposed] = {}
    columns = ["name", "frame", "width", "height", "category", "xmin", "ymin", "xmax", "ymax"]
    for clip, number, width, height, *box in boxes[columns].to_numpy(object).tolist():
        key = image_id(Frame(clip, number))
        earlier = frames[key].boxes if key in frames else ()
        frames[key] = Proposed((*earlier, Box(*box)), 1.0, width, height)
    return Proposals(f"labels-{_fingerprint(frames)}", frames, ordered=False)


def write_proposals(path: Path, proposals: Proposals) -> None:
    """Write proposals as JSON, atomically."""
    frames = {
        key: {"score": one.score, "size": [one.width, one.height], "boxes": _rows(one)}
        for key, one in proposals.frames.items()
    }
    write_json(
        path, {"model_version": proposals.model_version, "ordered": proposals.ordered, "frames": frames}
    )


def read_proposals(path: Path) -> Proposals:
    """Inverse of `write_proposals`.

    Raises:
        PipelineError: names the file.
    """
    values = read_json(path, _ADVICE)
    try:
        frames = {
            str(key): Proposed(
                tuple(Box(str(row[0]), *(int(side) for side in row[1:5])) for row in one["boxes"]),
                float(one["score"]),
                *_size(one["size"]),
            )
            for key, one in values["frames"].items()
        }
        return Proposals(str(values["model_version"]), frames, bool(values["ordered"]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise PipelineError(
            f"{path}: holds no proposals ({type(error).__name__}: {error}); {_ADVICE}."
        ) from error


def _size(sides: list[int]) -> tuple[int, int]:
    width, height = (int(side) for side in sides)
    if min(width, height) < 1:
        raise ValueError(f"an image of {width} x {height}")
    return width, height


def versioned(name: str, frames: Mapping[str, Proposed]) -> Proposals:
    """Proposals whose model version ends in a fingerprint: the same ones are never pushed twice."""
    return Proposals(f"{name}-{_fingerprint(frames)}", frames)


def _rows(one: Proposed) -> list[list[str | int]]:
    return [[box.category, box.xmin, box.ymin, box.xmax, box.ymax] for box in one.boxes]


def _fingerprint(frames: Mapping[str, Proposed]) -> str:
    text = json.dumps(
        [[key, round(one.score, 6), one.width, one.height, _rows(one)] for key, one in sorted(frames.items())]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:8]
