"""Label Studio tasks -> VOC XML, one file a frame, and a line for every annotation.

Of several annotations of a frame the one marked as ground truth counts, otherwise the latest. A skipped task
is not an annotation; an annotation without a box says that the sounding object is not visible, and gives a
file without objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.data.clip import FRAMES, Clip
from pipeline.labels.studio.coerce import instant
from pipeline.labels.studio.export_json import Proposal, StudioAnnotation, Task
from pipeline.labels.studio.regions import LOST
from pipeline.labels.sync.merge import IncomingLabel
from pipeline.labels.voc.label_paths import Frame, split_stem
from pipeline.labels.voc.mask_boxes import edges, iou
from pipeline.labels.voc.voc_xml import Annotation, Box, voc_text
from pipeline.utils.errors import PipelineError


@dataclass
class Collected:
    """Labels from elsewhere.

    Attributes:
        labels: what each frame's file is to hold.
        complete: projects and exports of which all labels were read.
        lines: one for every annotation.
        left_out: (what, why).
        empty_sources: (a source that gave no label, why).
        doubtful: (frame, why): taken, but worth a look.
        notes: of regions that were changed or left out, and how many of each.
        skipped: tasks.
        empty: labels without a box.
        several: frames with several annotations.
    """

    labels: dict[Frame, IncomingLabel] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)
    lines: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    empty_sources: list[tuple[str, str]] = field(default_factory=list)
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    empty: int = 0
    several: int = 0


def collect(
    tasks: Iterable[Task], clips: Mapping[str, Clip], source: str, model_version: str = ""
) -> Collected:
    """Turn all tasks of a source into labels.

    A task whose image names no frame of the catalogue is left out, with the reason.

    Args:
        tasks: of one project or export.
        clips: by name.
        source: what labels and lines say about where they come from.
        model_version: of the proposals that the project shows.
    """
    found = Collected(complete={source})
    by_frame: dict[Frame, list[tuple[Task, StudioAnnotation]]] = {}
    for task in tasks:
        frame = split_stem(task.image_id)
        if frame is None or frame.name not in clips or not 1 <= frame.number <= FRAMES:
            found.left_out.append((task.image_id, "names no frame of a clip in the catalogue"))
            continue
        by_frame.setdefault(frame, []).extend((task, drawn) for drawn in task.drawn)
    for frame in sorted(by_frame):
        drawn = by_frame[frame]
        chosen = choose(one for _, one in drawn)
        found.several += sum(not one.cancelled for _, one in drawn) > 1
        found.skipped += bool(drawn) and chosen is None
        for task, one in drawn:
            found.lines.append({"source": source, **_line(frame, task, one, one is chosen, model_version)})
            found.notes.update(one.notes)
        if chosen is not None:
            _take(found, frame, chosen, source)
    return found


def choose(drawn: Iterable[StudioAnnotation]) -> StudioAnnotation | None:
    """The annotation that counts: not a skip; ground truth before others, then the latest."""
    candidates = [one for one in drawn if not one.cancelled]
    return max(candidates, key=_rank, default=None)


def _rank(one: StudioAnnotation) -> tuple[bool, float, int]:
    return one.ground_truth, instant(one.updated), one.id


def outcome(proposal: tuple[Box, ...], drawn: tuple[Box, ...]) -> str:
    """What became of a proposal.

    Returns:
        "kept" (each side within a pixel), "moved" (same class, overlapping) or "thrown away".
    """

    def corners(box: Box) -> tuple[int, int, int, int]:
        return box.corners

    pairs = zip(sorted(proposal, key=corners), sorted(drawn, key=corners), strict=False)
    if len(proposal) == len(drawn) and all(_kept(a, b) for a, b in pairs):
        return "kept"
    overlapping = any(
        a.category == b.category and iou(edges(a.corners), edges(b.corners)) > 0
        for a in proposal
        for b in drawn
    )
    return "moved" if overlapping else "thrown away"


def _take(found: Collected, frame: Frame, chosen: StudioAnnotation, source: str) -> None:
    """Make the chosen annotation the frame's label, or list why it cannot be one."""
    name = f"{frame.name}_{frame.number}"
    lost = ", ".join(sorted(LOST & set(chosen.notes)))
    if lost and not chosen.boxes:
        found.left_out.append((name, f"holds no usable box: {lost}"))
        return
    annotation = Annotation(
        chosen.width, chosen.height, chosen.boxes, f"{name}.jpg", chosen.annotator.strip()
    )
    try:
        text = voc_text(annotation, frame.name, name)
    except PipelineError as error:
        found.left_out.append((name, str(error)))
        return
    found.labels[frame] = IncomingLabel(source, text.encode(), _rank(chosen))
    found.empty += not chosen.boxes
    if lost:
        found.doubtful.append((name, f"another region is not usable and was left out: {lost}"))
    if chosen.boxes and chosen.not_visible:
        found.doubtful.append((name, "has a box, and says that the object is not visible; the box counts"))
    if not chosen.width or not chosen.height:
        found.doubtful.append((name, "does not give the size of its image"))


def _line(
    frame: Frame, task: Task, one: StudioAnnotation, chosen: bool, model_version: str
) -> dict[str, Any]:
    state = "skipped" if one.cancelled else "boxed" if one.boxes else "empty"
    if state == "empty" and LOST & set(one.notes):
        state = "unreadable"
    proposal = _proposal(task, model_version)
    judged = proposal is not None and state in ("boxed", "empty")
    return {
        "annotation": one.id,
        "annotator": one.annotator,
        "boxes": [[box.category, *box.corners] for box in one.boxes],
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
        "unique": one.unique,
        "updated": one.updated,
    }


def _proposal(task: Task, model_version: str) -> Proposal | None:
    """The proposal that the project shows, or the last one."""
    shown = [one for one in task.proposals if one.model_version == model_version] or list(task.proposals)
    return shown[-1] if shown else None


def _kept(a: Box, b: Box) -> bool:
    near = all(abs(p - q) <= 1 for p, q in zip(a.corners, b.corners, strict=True))
    return a.category == b.category and near
