"""Frames -> tasks of a Label Studio project, with proposals as predictions. Repeatable: it only adds what
lacks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError, canonicalize, fromstring

from pipeline.data.categories import CATEGORIES
from pipeline.labels.studio.export_json import image_of
from pipeline.labels.studio.frame_tasks import FrameTask
from pipeline.labels.studio.proposals import Proposals
from pipeline.labels.studio.regions import BOX, IMAGE, VISIBILITY, regions
from pipeline.labels.studio.sounds import sound_path
from pipeline.labels.studio.studio_home import media_url
from pipeline.labels.voc.label_paths import image_id
from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import Track, no_progress

if TYPE_CHECKING:
    from pipeline.labels.studio.client import Studio

BATCH = 1000  # tasks a request: the server keeps all of one, or none


@dataclass(frozen=True)
class Pushed:
    """What a push did."""

    project: int
    added: int
    there: int
    proposals: int
    renewed: int  # tasks of before that nobody has worked on, and that now show the frame as it is here
    changed: tuple[str, ...]  # frames that were worked on and have changed here since: left alone
    doubled: tuple[str, ...]  # frames that the project holds more than once
    strange: tuple[str, ...]  # what it holds that is no frame to be labelled here
    config_replaced: bool  # the labelling configuration had been changed there


def push(
    studio: Studio,
    title: str,
    config: str,
    frames: Sequence[FrameTask],
    media: Path,
    *,
    proposals: Proposals | None = None,
    track: Track = no_progress,
) -> Pushed:
    """Create or update the project: one task a frame, in the order given.

    A frame that the project holds (by `image_id`, or its image's name) is left alone, whatever was done to
    it; if nobody has worked on it, it is made to show the frame as it is here. Proposals become predictions
    of new frames, and of old ones that nobody has worked on and that have none of the same model version.
    Killed in the middle, a second run adds the rest.

    Args:
        config: the labelling configuration; see `check_config`.
        media: the folder under the server's document root that holds `images` and `sounds`.
    """
    check_config(config)
    project, replaced = _project(studio, title, config)
    studio.serve_folder(project, media)
    wanted = {image_id(shown.frame): _data(shown) for shown in frames}
    there: dict[str, tuple[int, bool]] = {}
    stale, changed, doubled, strange = [], [], [], []
    for task in studio.tasks(project):
        data = task["data"]
        key = image_of(data)
        if key not in wanted:
            strange.append(key or f"task {task['id']}")
            continue
        if key in there:
            doubled.append(key)
            continue
        worked_on = bool(task.get("total_annotations") or task.get("cancelled_annotations"))
        there[key] = (task["id"], worked_on)
        ours = data.get("image_id") == key  # another's task keeps its own addresses
        if ours and any(data.get(field) != value for field, value in wanted[key].items()):
            if worked_on:
                changed.append(key)
            else:
                stale.append((task["id"], {**data, **wanted[key]}))
    for number, data in track(stale, len(stale), "changed tasks"):
        studio.change_task(number, data)
    new = [shown for shown in frames if image_id(shown.frame) not in there]
    batches = [new[start : start + BATCH] for start in range(0, len(new), BATCH)]
    for batch in track(batches, len(batches), f"batches of {BATCH} tasks"):
        studio.add_tasks(project, [_task(shown, proposals) for shown in batch])
    proposed = sum(proposals is not None and image_id(shown.frame) in proposals.frames for shown in new)
    if proposals is not None:
        proposed += _propose(studio, project, frames, there, proposals, track)
        if proposals.model_version in studio.model_versions(project):
            _show_proposals(studio, project, proposals)
    return Pushed(
        project=project,
        added=len(new),
        there=len(frames) - len(new),
        proposals=proposed,
        renewed=len(stale),
        changed=tuple(changed),
        doubled=tuple(doubled),
        strange=tuple(strange),
        config_replaced=replaced,
    )


def check_config(config: str) -> None:
    """Raise `PipelineError` unless the configuration has the names and labels that `pull` reads."""
    # the file is the project's own, but nothing is gained by trusting it
    if re.search(r"<!(DOCTYPE|ENTITY)", config, re.IGNORECASE):
        raise PipelineError("the Label Studio configuration declares a document type; remove that.")
    try:
        root = fromstring(config)
    except ParseError as error:
        raise PipelineError(f"the Label Studio configuration is not XML: {error}.") from error
    names = {element.get("name") for element in root.iter() if element.get("name")}
    labels = {element.get("value") for element in root.iter("Label")}
    lacking = [name for name in (BOX, IMAGE, VISIBILITY) if name not in names]
    lacking += [category for category in CATEGORIES if category not in labels]
    if lacking:
        raise PipelineError(f"the Label Studio configuration lacks {', '.join(lacking)}.")


def _project(studio: Studio, title: str, config: str) -> tuple[int, bool]:
    """The project's id, made if need be, and whether it had another configuration."""
    project = studio.find_project(title)
    if project is None:
        made = studio.create_project(
            {
                "title": title,
                "description": "One box round the object that sounds, one task a frame.",
                "label_config": config,
                "sampling": "Sequential sampling",
                "show_collab_predictions": True,
                "enable_empty_annotation": True,
                "show_skip_button": True,
                "maximum_annotations": 1,
            }
        )
        return made["id"], False
    other = not _alike(str(project.get("label_config")), config)
    if other:
        studio.change_project(project["id"], {"label_config": config})
    return project["id"], other


def _alike(there: str, config: str) -> bool:
    """Whether two configurations say the same: the server gives one back written in its own way."""
    try:
        return canonicalize(there, strip_text=True) == canonicalize(config, strip_text=True)
    except ParseError:
        return False


def _show_proposals(studio: Studio, project: int, proposals: Proposals) -> None:
    """Make these proposals the ones that annotators see; the server knows the version once it has one of
    them.
    """
    # it hands out the lowest score first: what the model is least sure of
    sampling = "Uncertainty sampling" if proposals.ordered else "Sequential sampling"
    studio.change_project(project, {"model_version": proposals.model_version, "sampling": sampling})


def _propose(
    studio: Studio,
    project: int,
    frames: Sequence[FrameTask],
    there: Mapping[str, tuple[int, bool]],
    proposals: Proposals,
    track: Track,
) -> int:
    """Add predictions to tasks that were there before; returns how many."""
    open_tasks = [
        (there[key][0], shown)
        for shown in frames
        if (key := image_id(shown.frame)) in proposals.frames and key in there and not there[key][1]
    ]
    if not open_tasks:
        return 0
    have = {
        one["task"] for one in studio.predictions(project) if one["model_version"] == proposals.model_version
    }
    lacking = [(task, shown) for task, shown in open_tasks if task not in have]
    batches = [lacking[start : start + BATCH] for start in range(0, len(lacking), BATCH)]
    for batch in track(batches, len(batches), f"batches of {BATCH} proposals"):
        studio.add_predictions(
            project,
            [{"task": task, **_prediction(image_id(shown.frame), proposals)} for task, shown in batch],
        )
    return len(lacking)


def _task(shown: FrameTask, proposals: Proposals | None) -> dict[str, Any]:
    key = image_id(shown.frame)
    task: dict[str, Any] = {"data": _data(shown)}
    if proposals is not None and key in proposals.frames:
        task["predictions"] = [_prediction(key, proposals)]
    return task


def _data(shown: FrameTask) -> dict[str, Any]:
    return {
        "image_id": image_id(shown.frame),
        "image": media_url(f"images/{shown.image}"),
        "sound": media_url(f"sounds/{sound_path(shown.frame.name)}"),
        "heading": f"{shown.category or 'several'}: frame {shown.frame.number} of {shown.frame.name}",
        "category": shown.category,
        "clip": shown.frame.name,
        "frame": shown.frame.number,
        "width": shown.width,
        "height": shown.height,
    }


def _prediction(key: str, proposals: Proposals) -> dict[str, Any]:
    proposed = proposals.frames[key]
    return {
        "model_version": proposals.model_version,
        "score": proposed.score,
        "result": regions(proposed.boxes, proposed.width, proposed.height),
    }
