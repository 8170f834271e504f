"""Bringing labels from elsewhere into the label folder without losing what was changed here by hand.

A frame's label has two sides, *theirs* (a project of a server, or a file being imported) and *ours* (the
file here). What both were when they last met is recorded, for each source apart; what only they changed is
taken, what only we changed is kept, and where both changed, or nothing is recorded, a person decides:
`theirs` or `ours`. A file that another source wrote since counts as changed here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.labels.sync.sync_state import SyncEntry, SyncState, digest, last_synced
from pipeline.labels.voc.folder_transaction import folder_transaction
from pipeline.labels.voc.label_index import place_files
from pipeline.labels.voc.label_paths import ClipInfo, Frame, label_path
from pipeline.labels.voc.voc_xml import UnreadableLabelError, parse_voc
from pipeline.utils.errors import PipelineError

Side = Literal["theirs", "ours"]


class IncomingLabel(NamedTuple):
    """A label from elsewhere: the contents of its file, who says so (a project's address, or a path), and, of
    Label Studio's, how it ranks among others of the frame: the greatest counts.
    """

    source: str
    data: bytes
    rank: tuple[bool, str, int] | None = None


@dataclass
class Merge:
    """What is to be written, and what was found. Paths are relative to the label folder, sorted."""

    write: dict[str, bytes] = field(default_factory=dict)
    same: int = 0
    ours_changed: list[str] = field(default_factory=list)  # only here: kept, theirs is the old one
    conflicts: list[str] = field(default_factory=list)  # kept, until a side is chosen
    replaced: list[str] = field(default_factory=list)  # changed here, and theirs chosen
    gone: list[str] = field(default_factory=list)  # their source labelled them once; kept
    record: SyncState = field(default_factory=dict)


def merge(
    folder: Path,
    incoming: Mapping[Frame, IncomingLabel],
    clips: Mapping[str, ClipInfo],
    record: SyncState,
    side: Side | None = None,
    whole: Iterable[str] = (),
) -> Merge:
    """Decide, file by file; nothing is written.

    Args:
        incoming: a frame already labelled here keeps its file's place.
        side: what to do where a file was changed here: None reports it and leaves it. What was settled as
            "ours" stays settled, even under "theirs", until they change it or the file is removed here.
        whole: sources of which `incoming` holds all labels, so that one that is missing is gone there.
    """
    plan = Merge(record={source: dict(paths) for source, paths in record.items()})
    places = place_files(folder, clips).files
    told_of = set()
    for frame in sorted(incoming):
        source, theirs, _ = incoming[frame]
        path = places.get(frame) or label_path(frame, clips[frame.name].category)
        told_of.add(path)
        ours = _read(folder / path)
        met = last_synced(record, source, path)
        told, here = digest(theirs), "" if ours is None else digest(ours)
        meetings = plan.record.setdefault(source, {})
        if ours is not None and alike(ours, theirs):
            plan.same += 1
            meetings[path] = [told, here]
        elif _settled(met, told, here):
            plan.same += 1
        elif side == "theirs" or _only_theirs_changed(met, told, here):
            plan.write[path] = theirs
            meetings[path] = [told, told]
            if here and not _only_theirs_changed(met, told, here):
                plan.replaced.append(path)
        elif side == "ours":
            plan.same += 1
            meetings[path] = [told, here, "ours"]
        elif met is not None and met[0] == told:
            plan.ours_changed.append(path)
        else:
            plan.conflicts.append(path)
    once = {path for source in whole for path in record.get(source, {})}
    plan.gone = sorted(path for path in once - told_of if (folder / path).is_file())
    return plan


def apply(folder: Path, plan: Merge, others: Mapping[str, bytes] | None = None) -> None:
    """Write the plan, all of it or nothing: a new folder is made beside the old one and takes its place.

    Files that stay are hard links, not copies. For use in `swap.alone`, which mends what a kill leaves.

    Args:
        others: further files, relative to the folder.

    Raises `PipelineError` if the disk refuses (full, read-only); the labels are then as before.
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
                    ignore=_not(folder, files),
                )
            for path, data in files.items():
                target = new / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
    except OSError as error:
        raise PipelineError(
            f"{folder}: cannot be written ({_why(error)}); the labels are as before. Make room or mend "
            "the permissions, then run the command again."
        ) from error


def _only_theirs_changed(met: SyncEntry | None, told: str, here: str) -> bool:
    if met is None:
        return not here  # new there, and nothing here
    return met[1:] == [here] and met[0] != told


def _settled(met: SyncEntry | None, told: str, here: str) -> bool:
    """Whether a person refused just this; a file removed since then gives theirs another chance."""
    return met is not None and met[0] == told and met[2:] == ["ours"] and (here != "" or met[1] == "")


def alike(ours: bytes, theirs: bytes) -> bool:
    """The same image size and boxes; labelImg writes a file anew in its own form."""
    if ours == theirs:
        return True
    try:
        a, b = parse_voc(Path("ours"), ours), parse_voc(Path("theirs"), theirs)
    except UnreadableLabelError:
        return False
    return (a.width, a.height, a.boxes) == (b.width, b.height, b.boxes)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read ({error.strerror}); move it away.") from error


def _why(error: OSError) -> str:
    if isinstance(error, shutil.Error):  # what copytree met: a list of (from, to, why)
        return str(error.args[0][0][2])
    return error.strerror or str(error)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)  # a file system without hard links
    return target


def _not(folder: Path, files: Mapping[str, bytes]) -> Callable[[str, list[str]], list[str]]:
    """For copytree: leave out the files that are written anew."""
    anew = {str(folder / path) for path in files}
    return lambda parent, names: [name for name in names if str(Path(parent) / name) in anew]
