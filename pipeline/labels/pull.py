"""Annotations of a Label Studio project -> VOC XML, one a frame, and a list of all that was drawn.

Of several annotations of a frame the one marked as ground truth counts, otherwise the latest;
`annotations.jsonl` keeps all of them, for the agreement between annotators. A skipped task is no
annotation; an annotation without a box says that the sounding object is not visible, and gives a file
without objects.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.categories import FRAMES
from pipeline.errors import PipelineError
from pipeline.files import read_json, write_json
from pipeline.labels.mask_boxes import iou
from pipeline.labels.merge import Merge, Side, apply, merge
from pipeline.labels.places import Frame, Home, split_stem
from pipeline.labels.studio_json import Drawn, Proposal, Task, read_tasks
from pipeline.labels.studio_regions import LOST
from pipeline.labels.swap import alone
from pipeline.labels.voc import Annotation, Box, voc_text

if TYPE_CHECKING:
    from pipeline.labels.client import Studio

ANNOTATIONS = "annotations.jsonl"  # in the label folder, so that `dvc add` versions it with the labels


@dataclass
class Collected:
    """Tasks as labels: what each frame's file is to hold, a line for every annotation, and what was left
    out.
    """

    labels: dict[Frame, bytes] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # (what, why)
    notes: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    empty: int = 0
    several: int = 0


def pull(
    studio: Studio,
    title: str,
    folder: Path,
    clips: Mapping[str, Home],
    record_file: Path,
    side: Side | None = None,
) -> tuple[Merge, Collected]:
    """Bring the project's annotations into `folder`; see `merge` for what becomes of files changed here.

    Killed at any moment, a second run completes it, and no label is lost or doubled.
    """
    project = studio.find_project(title)
    if project is None:
        raise PipelineError(f"{studio.url}: has no project {title!r}; make it with `avs labels push`.")
    values = studio.annotated(project["id"])
    proposed: dict[int, list[dict[str, Any]]] = {}
    for one in studio.predictions(project["id"]):
        proposed.setdefault(one["task"], []).append(one)
    for value in values:
        value["predictions"] = proposed.get(value["id"], [])
    tasks, reasons = read_tasks(values, title, studio.people())
    collected = collect(tasks, clips, str(project.get("model_version") or ""))
    collected.left_out += reasons
    for line in collected.lines:
        line["project"] = project["id"]
    plan = settle(folder, collected, clips, record_file, side, title)
    return plan, collected


def settle(
    folder: Path,
    collected: Collected,
    clips: Mapping[str, Home],
    record_file: Path,
    side: Side | None,
    source: str,
) -> Merge:
    """Merge collected labels into `folder` and remember how the two sides met.

    The annotations of `source` (a project or file) replace its earlier ones in `annotations.jsonl`; others
    stay. What a killed run left is mended first.
    """
    with alone(folder, record_file.with_suffix(".lock")):
        records = read_json(record_file) if record_file.exists() else {}
        key = str(folder.resolve())
        plan = merge(folder, collected.labels, clips, records.get(key, {}), side)
        others = [line for line in read_annotations(folder) if line.get("source") != source]
        lines = sorted(
            json.dumps(line, sort_keys=True, ensure_ascii=False)
            for line in [*others, *_from(source, collected)]
        )
        apply(folder, plan, {ANNOTATIONS: "".join(f"{line}\n" for line in lines).encode()} if lines else {})
        write_json(record_file, {**records, key: plan.record})
    return plan


def read_annotations(folder: Path) -> list[dict[str, Any]]:
    """All annotations that pulls and imports have brought, of every annotator. `PipelineError` names a bad
    line.
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
            raise PipelineError(f"{path}: line {number} is no annotation; remove that line.")
        found.append(value)
    return found


def _is_annotation(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("boxes"), list):
        return False
    told = [(key, str) for key in ("annotator", "name", "state")] + [("frame", int), ("chosen", bool)]
    boxes = all(
        isinstance(box, list)
        and len(box) == 5
        and isinstance(box[0], str)
        and all(type(side) is int for side in box[1:])
        for box in value["boxes"]
    )
    return boxes and all(isinstance(value.get(key), kind) for key, kind in told)


def _from(source: str, collected: Collected) -> list[dict[str, Any]]:
    return [{"source": source, **line} for line in collected.lines]


def collect(tasks: Iterable[Task], clips: Mapping[str, Home], model_version: str = "") -> Collected:
    """Turn tasks into labels; a task whose image names no frame of the catalogue is left out, with the
    reason.
    """
    found = Collected()
    by_frame: dict[Frame, list[tuple[Task, Drawn]]] = {}
    for task in tasks:
        frame = split_stem(task.image_id)
        if frame is None or frame.name not in clips or not 1 <= frame.number <= FRAMES:
            found.left_out.append((task.image_id, "names no frame of a clip in the catalogue"))
            continue
        by_frame.setdefault(frame, []).extend((task, drawn) for drawn in task.drawn)
    for frame in sorted(by_frame):
        _collect_frame(found, frame, by_frame[frame], model_version)
    return found


def choose(drawn: Iterable[Drawn]) -> Drawn | None:
    """The annotation that counts: not a skip; ground truth before others, then the latest."""
    candidates = [one for one in drawn if not one.cancelled]
    return max(candidates, key=lambda one: (one.ground_truth, one.updated, one.id), default=None)


def outcome(proposal: tuple[Box, ...], drawn: tuple[Box, ...]) -> str:
    """What became of a proposal: kept (each side within a pixel), moved (same class, overlapping) or
    thrown away.
    """
    if len(proposal) == len(drawn) and all(
        map(_kept, sorted(proposal, key=_corners), sorted(drawn, key=_corners))
    ):
        return "kept"
    overlapping = any(
        a.category == b.category and iou(_edges(a), _edges(b)) > 0 for a in proposal for b in drawn
    )
    return "moved" if overlapping else "thrown away"


def _collect_frame(
    found: Collected, frame: Frame, drawn: list[tuple[Task, Drawn]], model_version: str
) -> None:
    chosen = choose(one for _, one in drawn)
    found.several += sum(not one.cancelled for _, one in drawn) > 1
    found.skipped += bool(drawn) and chosen is None
    for task, one in drawn:
        found.lines.append(_line(frame, task, one, one is chosen, model_version))
        found.notes.update(one.notes)
    if chosen is None:
        return
    name = f"{frame.name}_{frame.number}"
    if not chosen.boxes and LOST & set(chosen.notes):
        found.left_out.append((name, f"holds no usable box: {', '.join(sorted(set(chosen.notes)))}"))
        return
    annotation = Annotation(
        chosen.width, chosen.height, chosen.boxes, f"{name}.jpg", chosen.annotator.strip()
    )
    try:
        found.labels[frame] = voc_text(annotation, frame.name, name).encode()
    except PipelineError as error:
        found.left_out.append((name, str(error)))
        return
    found.empty += not chosen.boxes


def _line(frame: Frame, task: Task, one: Drawn, chosen: bool, model_version: str) -> dict[str, Any]:
    state = "skipped" if one.cancelled else "boxed" if one.boxes else "empty"
    if state == "empty" and LOST & set(one.notes):
        state = "unreadable"
    proposal = _proposal(task, model_version)
    judged = proposal is not None and state in ("boxed", "empty")
    return {
        "annotation": one.id,
        "annotator": one.annotator,
        "boxes": [[box.category, *_corners(box)] for box in one.boxes],
        "chosen": chosen,
        "frame": frame.number,
        "lead_time": one.lead_time,
        "model_version": proposal.model_version if proposal else None,
        "name": frame.name,
        "not_visible": one.not_visible,
        "notes": list(one.notes),
        "proposal": outcome(proposal.boxes, one.boxes) if proposal and judged else None,
        "size": [one.width, one.height],
        "state": state,
        "task": task.id,
        "updated": one.updated,
    }


def _proposal(task: Task, model_version: str) -> Proposal | None:
    """The proposal that the project shows, or the last one."""
    shown = [one for one in task.proposals if one.model_version == model_version] or list(task.proposals)
    return shown[-1] if shown else None


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box.xmin, box.ymin, box.xmax, box.ymax


def _kept(a: Box, b: Box) -> bool:
    near = all(abs(p - q) <= 1 for p, q in zip(_corners(a), _corners(b), strict=True))
    return a.category == b.category and near


def _edges(box: Box) -> np.ndarray:
    return np.array([box.xmin - 1, box.ymin - 1, box.xmax, box.ymax], dtype=float)
