"""Pull: a Label Studio project's annotations -> the label folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.data.clip import Clip
from pipeline.labels.review.annotations import ANNOTATIONS, annotations_file, read_annotations
from pipeline.labels.studio.export_json import read_tasks
from pipeline.labels.sync.from_studio import Collected, collect
from pipeline.labels.sync.merge import Merge, Side, apply, merge
from pipeline.labels.sync.sync_state import read_sync_state, write_sync_state
from pipeline.labels.voc.folder_transaction import exclusive_lock
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import refuse_linked_folders

if TYPE_CHECKING:
    from pipeline.labels.studio.client import Studio


def pull(
    studio: Studio,
    title: str,
    folder: Path,
    clips: Mapping[str, Clip],
    state_file: Path,
    side: Side | None = None,
) -> tuple[Merge, Collected]:
    """Bring the project's annotations into `folder`; see `merge` for files that were changed here.

    If it is killed, a second run completes it, and no label is lost or doubled.

    Args:
        studio: the server.
        title: of the project.
        folder: the label folder.
        clips: by name.
        state_file: of the last syncs.
        side: see `merge`.

    Raises:
        PipelineError: the server has no such project; or see `merge_into_folder`.
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
    source = f"{studio.name}/projects/{project['id']}"
    tasks, reasons = read_tasks(values, source, studio.people())
    collected = collect(tasks, clips, source, str(project.get("model_version") or ""))
    collected.left_out += reasons
    for line in collected.lines:
        line["project"] = project["id"]
    return merge_into_folder(folder, collected, clips, state_file, side), collected


def merge_into_folder(
    folder: Path,
    collected: Collected,
    clips: Mapping[str, Clip],
    state_file: Path,
    side: Side | None = None,
) -> Merge:
    """Merge collected labels into `folder` and keep the new sync state.

    In the list of annotations those of a project or export that was read replace its earlier ones; others
    stay. What a killed run left is recovered first.

    Args:
        folder: the label folder.
        collected: labels from elsewhere.
        clips: by name.
        state_file: of the last syncs.
        side: see `merge`.

    Raises:
        PipelineError: a folder of labels is a link, behind which nothing is written; or the folder cannot be
            locked or written.
    """
    with exclusive_lock(folder):
        refuse_linked_folders(folder.resolve())
        state = read_sync_state(state_file, folder)
        plan = merge(folder, collected.labels, clips, state, side, collected.complete)
        before = read_annotations(folder)
        others = [line for line in before if line.get("source") not in collected.complete]
        lines = [*others, *collected.lines]
        apply(folder, plan, {ANNOTATIONS: annotations_file(lines)} if lines or before else {})
        write_sync_state(state_file, folder, plan.state)
    return plan
