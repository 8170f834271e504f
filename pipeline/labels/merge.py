"""Bringing labels from elsewhere into the label folder without losing what was changed here by hand.

A frame's label has two sides, *theirs* (the server, or files being imported) and *ours* (the file here).
What both were when they last met is recorded; what only they changed is taken, what only we changed is
kept, and where both changed, or nothing is recorded, a person decides: `theirs` or `ours`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.errors import PipelineError
from pipeline.labels.places import Frame, Home, label_path, split_stem
from pipeline.labels.swap import swapped
from pipeline.labels.table import label_files
from pipeline.labels.voc import UnreadableLabelError, parse_voc

Side = Literal["theirs", "ours"]
# path -> [digest of theirs, digest of ours] when they last met, and "ours" where a person chose that side
Record = dict[str, list[str]]


@dataclass
class Merge:
    """What is to be written, and what was found. Paths are relative to the label folder, sorted."""

    write: dict[str, bytes] = field(default_factory=dict)
    same: int = 0
    ours_changed: list[str] = field(default_factory=list)  # only here: kept, theirs is the old one
    conflicts: list[str] = field(default_factory=list)  # kept, until a side is chosen
    record: Record = field(default_factory=dict)


def merge(
    folder: Path,
    incoming: Mapping[Frame, bytes],
    clips: Mapping[str, Home],
    record: Mapping[str, list[str]],
    side: Side | None = None,
) -> Merge:
    """Decide, file by file; nothing is written.

    Args:
        incoming: theirs, as file contents. A frame already labelled here keeps its file's place.
        side: what to do where a file was changed here: None reports it and leaves it.
    """
    plan = Merge(record=dict(record))
    places = {frame: path for path in _existing(folder) if (frame := split_stem(Path(path).stem))}
    for frame in sorted(incoming):
        theirs = incoming[frame]
        path = places.get(frame) or label_path(frame, clips[frame.name].category)
        ours = _read(folder / path)
        met = record.get(path)
        told, here = _digest(theirs), "" if ours is None else _digest(ours)
        if ours is not None and _alike(ours, theirs):
            plan.same += 1
            plan.record[path] = [told, here]
        elif side == "theirs" or _only_theirs_changed(met, told, here):
            plan.write[path] = theirs
            plan.record[path] = [told, told]
        elif side == "ours":
            plan.same += 1
            plan.record[path] = [told, here, "ours"]
        elif met == [told, here, "ours"]:
            plan.same += 1  # settled before
        elif met is not None and met[0] == told:
            plan.ours_changed.append(path)
        else:
            plan.conflicts.append(path)
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
        with swapped(folder) as new:
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
            f"{folder}: cannot be written ({error.strerror}); the labels are as before. Make room or mend "
            "the permissions, then run the command again."
        ) from error


def _only_theirs_changed(met: list[str] | None, told: str, here: str) -> bool:
    if met is None:
        return not here  # new there, and nothing here
    return met[1:] == [here] and met[0] != told


def _existing(folder: Path) -> list[str]:
    return sorted(label_files(folder), key=lambda path: path.count("/")) if folder.is_dir() else []


def _alike(ours: bytes, theirs: bytes) -> bool:
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


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


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
