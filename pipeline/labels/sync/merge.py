"""Three-way merge of labels from elsewhere into the label folder; what was changed here by hand is kept.

A frame's label has two sides, *theirs* (a project of a server, or a file being imported) and *ours* (the
file here). The sync state holds what both were when they were last synced, for each source. What only they
changed is taken, what only we changed is kept, and where both changed, or they were never synced, a person
decides: `theirs` or `ours`. A file that another source wrote since counts as changed here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.data.clip import Clip
from pipeline.labels.sync.sync_state import KEPT, SyncEntry, SyncState, label_digest, last_synced
from pipeline.labels.voc.folder_transaction import folder_transaction
from pipeline.labels.voc.label_index import index_labels
from pipeline.labels.voc.label_paths import Frame, label_path
from pipeline.labels.voc.voc_xml import UnreadableLabelError, parse_voc
from pipeline.utils.errors import PipelineError

Side = Literal["theirs", "ours"]


class IncomingLabel(NamedTuple):
    """A label from elsewhere."""

    source: str  # a project's address, or a path
    data: bytes  # contents of its VOC file
    rank: tuple[bool, float, int] | None = (
        None  # of Label Studio's annotations of a frame the greatest counts
    )


@dataclass
class Merge:
    """What is to be written, and what was found. Paths are relative to the label folder, sorted."""

    write: dict[str, bytes] = field(default_factory=dict)
    same: int = 0
    ours_changed: list[str] = field(default_factory=list)  # only here: kept, theirs is the old one
    conflicts: list[str] = field(default_factory=list)  # kept, until a side is chosen
    removed: list[str] = field(default_factory=list)  # here; stay so until a side is chosen
    replaced: list[str] = field(default_factory=list)  # changed here, and theirs chosen
    gone: list[str] = field(default_factory=list)  # their source labelled them once; kept
    state: SyncState = field(default_factory=dict)


def merge(
    folder: Path,
    incoming: Mapping[Frame, IncomingLabel],
    clips: Mapping[str, Clip],
    state: SyncState,
    side: Side | None = None,
    complete: Iterable[str] = (),
) -> Merge:
    """Decide, file by file; nothing is written.

    Args:
        folder: the label folder.
        incoming: labels from elsewhere; a frame that has a file here keeps that file's path.
        clips: by name.
        state: of the last syncs.
        side: what to do where a file was changed here: None reports it and leaves it. A file that was kept by
            "ours" stays, even under "theirs", until they change it or it is removed here.
        complete: sources of which `incoming` holds all labels, so that a missing one is gone there.
    """
    plan = Merge(state={source: dict(paths) for source, paths in state.items()})
    files = index_labels(folder, clips).files
    labelled = set()
    for frame in sorted(incoming):
        path = files.get(frame) or label_path(frame, clips[frame.name].category)
        labelled.add(path)
        last = last_synced(state, incoming[frame].source, path)
        _merge_one(plan, folder, path, incoming[frame], last, side)
    before = {path for source in complete for path in state.get(source, {})}
    plan.gone = sorted(path for path in before - labelled if (folder / path).is_file())
    return plan


def _merge_one(
    plan: Merge, folder: Path, path: str, label: IncomingLabel, last: SyncEntry | None, side: Side | None
) -> None:
    """Decide on one file and add it to the plan."""
    ours = _read(folder / path)
    theirs_now, ours_now = label_digest(label.data), "" if ours is None else label_digest(ours)
    entries = plan.state.setdefault(label.source, {})
    only_theirs = _only_theirs_changed(last, theirs_now, ours_now)
    if ours is not None and same_boxes(ours, label.data):
        plan.same += 1
        entries[path] = [theirs_now, ours_now]
    elif _was_kept(last, theirs_now, ours_now):
        plan.same += 1
    elif side == "theirs" or only_theirs:
        plan.write[path] = label.data
        entries[path] = [theirs_now, theirs_now]
        if ours is not None and not only_theirs:
            plan.replaced.append(path)
    elif side == "ours":
        plan.same += 1
        entries[path] = [theirs_now, ours_now, KEPT]
    elif ours is None:
        plan.removed.append(path)
    elif last is not None and last[0] == theirs_now:
        plan.ours_changed.append(path)
    else:
        plan.conflicts.append(path)


def apply(folder: Path, plan: Merge, others: Mapping[str, bytes] | None = None) -> None:
    """Write the plan, all of it or nothing: a new folder is made next to the old one and replaces it.

    Files that stay are hard links, not copies. For use in `exclusive_lock`, which recovers from a kill.

    Args:
        folder: the label folder.
        plan: of `merge`.
        others: further files, path relative to the folder -> contents.

    Raises:
        PipelineError: the disk is full or read-only; the labels are then as before.
    """
    folder = folder.resolve()
    files = {**(others or {}), **plan.write}
    files = {path: data for path, data in files.items() if _read(folder / path) != data}
    if not files:
        return
    try:
        with folder_transaction(folder) as new:
            if folder.is_dir():
                shutil.copytree(
                    folder,
                    new,
                    symlinks=True,
                    dirs_exist_ok=True,
                    copy_function=_link,
                    ignore=_all_but(folder, files),
                )
            for path, data in files.items():
                target = new / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
    except OSError as error:
        raise PipelineError(
            f"{folder}: cannot be written ({_why(error)}); the labels are as before. Make room or fix "
            "the permissions, then run the command again."
        ) from error


def same_boxes(a: bytes, b: bytes) -> bool:
    """Whether two VOC files have the same image size and boxes; labelImg rewrites a file in its own form."""
    if a == b:
        return True
    try:
        first, second = parse_voc(Path("a"), a), parse_voc(Path("b"), b)
    except UnreadableLabelError:
        return False
    return (first.width, first.height, first.boxes) == (second.width, second.height, second.boxes)


def _only_theirs_changed(last: SyncEntry | None, theirs: str, ours: str) -> bool:
    if last is None:
        return not ours  # new there, and nothing here
    return last[1:] == [ours] and last[0] != theirs


def _was_kept(last: SyncEntry | None, theirs: str, ours: str) -> bool:
    """Whether a person refused this very label; if the file was removed since, it is offered again."""
    return last is not None and last[0] == theirs and last[2:] == [KEPT] and (ours != "" or last[1] == "")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read ({error.strerror}); move it away.") from error


def _why(error: OSError) -> str:
    if isinstance(error, shutil.Error):  # of copytree: a list of (from, to, why)
        return str(error.args[0][0][2])
    return error.strerror or str(error)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)  # a file system without hard links
    return target


def _all_but(folder: Path, files: Mapping[str, bytes]) -> Callable[[str, list[str]], list[str]]:
    """For copytree: leave out the files that are written again."""
    rewritten = {str(folder / path) for path in files}
    return lambda parent, names: [name for name in names if str(Path(parent) / name) in rewritten]
