"""Push to Label Studio: a task for each frame, with proposals as predictions.

Repeatable: a push adds only what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.labels.studio.config import same_config
from pipeline.labels.studio.export_json import image_of
from pipeline.labels.studio.frame_tasks import FrameTask
from pipeline.labels.studio.proposals import Proposals
from pipeline.labels.studio.regions import regions
from pipeline.labels.studio.sounds import sound_path
from pipeline.labels.studio.studio_home import media_url
from pipeline.labels.voc.label_paths import image_id
from pipeline.utils.progress import Track, no_progress

if TYPE_CHECKING:
    from pipeline.labels.studio.client import Studio

T = TypeVar("T")
BATCH = 1000  # tasks a request: the server keeps all of one, or none


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        project: its number on the server.
        config_replaced: the labelling configuration there was another one.
        added: new tasks.
        existing: frames that had a task before.
        proposals: predictions added.
        updated: tasks that nobody had worked on and that now show the frame as it is here.
        changed: frames that were worked on and have changed here since: left alone.
        doubled: frames with several tasks in the project.
        unknown: what the project holds that is no frame to be labelled here.
    """

    project: int
    config_replaced: bool
    added: int
    existing: int
    proposals: int
    updated: int
    changed: tuple[str, ...]
    doubled: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass
class _Existing:
    """The tasks of a project, compared with the frames to be labelled; keys are `image_id`s."""

    tasks: dict[str, int] = field(default_factory=dict)  # frame -> task
    untouched: set[str] = field(default_factory=set)  # frames that nobody has worked on
    outdated: list[tuple[int, dict[str, Any]]] = field(default_factory=list)  # (untouched task, new data)
    changed: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


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
    it; if nobody has worked on it, its task is updated to show the frame as it is here. Proposals become
    predictions of new frames, and of old ones that nobody has worked on and that have none of the same model
    version. If it is killed, a second run adds the rest.

    Args:
        studio: the server.
        title: of the project.
        config: the labelling configuration; see `config.make_config`.
        frames: to be labelled.
        media: the folder under the server's document root that holds `images` and `sounds`.
        proposals: boxes for annotators to correct.
        track: progress.
    """
    project, replaced = _project(studio, title, config)
    studio.serve_folder(project, media)
    existing = _compare(studio, project, frames)
    for number, data in track(existing.outdated, len(existing.outdated), "changed tasks"):
        studio.change_task(number, data)
    new = [shown for shown in frames if image_id(shown.frame) not in existing.tasks]
    for batch in track(_batches(new), len(_batches(new)), f"batches of {BATCH} tasks"):
        studio.add_tasks(project, [_task(shown, proposals) for shown in batch])
    proposed = 0
    if proposals is not None:
        proposed = sum(image_id(shown.frame) in proposals.frames for shown in new)
        proposed += _add_predictions(studio, project, existing, proposals, track)
        if proposals.model_version in studio.model_versions(project):
            _show_proposals(studio, project, proposals)
    return Pushed(
        project=project,
        config_replaced=replaced,
        added=len(new),
        existing=len(frames) - len(new),
        proposals=proposed,
        updated=len(existing.outdated),
        changed=tuple(existing.changed),
        doubled=tuple(existing.doubled),
        unknown=tuple(existing.unknown),
    )


def _compare(studio: Studio, project: int, frames: Sequence[FrameTask]) -> _Existing:
    """Which frames have a task, and what these tasks show."""
    wanted = {image_id(shown.frame): _data(shown) for shown in frames}
    found = _Existing()
    for task in studio.tasks(project):
        data = task["data"]
        key = image_of(data)
        if key not in wanted:
            found.unknown.append(key or f"task {task['id']}")
            continue
        if key in found.tasks:
            found.doubled.append(key)
            continue
        found.tasks[key] = task["id"]
        worked_on = bool(task.get("total_annotations") or task.get("cancelled_annotations"))
        if not worked_on:
            found.untouched.add(key)
        # a task that somebody else made keeps its own addresses
        if data.get("image_id") != key or all(data.get(one) == value for one, value in wanted[key].items()):
            continue
        if worked_on:
            found.changed.append(key)
        else:
            found.outdated.append((task["id"], {**data, **wanted[key]}))
    return found


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
    other = not same_config(str(project.get("label_config")), config)
    if other:
        studio.change_project(project["id"], {"label_config": config})
    return project["id"], other


def _show_proposals(studio: Studio, project: int, proposals: Proposals) -> None:
    """Make these proposals the ones that annotators see; the server accepts a version that it has one of."""
    # it hands out the lowest score first: what the model is least sure of
    sampling = "Uncertainty sampling" if proposals.ordered else "Sequential sampling"
    studio.change_project(project, {"model_version": proposals.model_version, "sampling": sampling})


def _add_predictions(
    studio: Studio, project: int, existing: _Existing, proposals: Proposals, track: Track
) -> int:
    """Add predictions to existing tasks that nobody has worked on; returns how many."""
    wanted = {existing.tasks[key]: key for key in proposals.frames if key in existing.untouched}
    if not wanted:
        return 0
    for one in studio.predictions(project):
        if one["model_version"] == proposals.model_version:
            wanted.pop(one["task"], None)
    batches = _batches(sorted(wanted.items()))
    for batch in track(batches, len(batches), f"batches of {BATCH} proposals"):
        predictions = [{"task": task, **_prediction(key, proposals)} for task, key in batch]
        studio.add_predictions(project, predictions)
    return len(wanted)


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


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
