"""Which frame a label file belongs to: told by where it lies, never by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.data.categories import FRAMES

# greedy, so that a clip's own `_7` stays in its name; MS3 names its frames `{name}.mp4_{k}`
_STEM = re.compile(r"(?P<name>.+?)(?:\.mp4)?_(?P<frame>\d{1,9})", re.DOTALL)


class Frame(NamedTuple):
    """One frame of a clip, counted from 1."""

    name: str
    number: int


class ClipInfo(NamedTuple):
    """What is known of a clip: its category ("" where it has several) and its split."""

    category: str
    split: str


class UnmatchedFile(NamedTuple):
    """A file that belongs to no frame: the kind of problem, and its detail."""

    kind: str
    detail: str


def label_path(frame: Frame, category: str) -> str:
    """Where a frame's label lies, relative to the label folder: `{category}/{name}/{name}_{k}.xml`."""
    file = f"{frame.name}/{frame.name}_{frame.number}.xml"
    return f"{category}/{file}" if category else file


def image_id(frame: Frame) -> str:
    """The frame's stable name in Label Studio: `{name}_{k}`."""
    return f"{frame.name}_{frame.number}"


def split_stem(stem: str) -> Frame | None:
    """`{name}_{k}` or `{name}.mp4_{k}` -> the frame it names; None where it has not that form."""
    match = _STEM.fullmatch(stem)
    return Frame(match["name"], int(match["frame"])) if match else None


def locate(relative: str, clips: Mapping[str, ClipInfo]) -> Frame | UnmatchedFile:
    """The frame of a train clip that a label file gives; see `frame_of`."""
    place = frame_of(relative, clips)
    return place if isinstance(place, UnmatchedFile) else not_train(place, clips) or place


def not_train(frame: Frame, clips: Mapping[str, ClipInfo]) -> UnmatchedFile | None:
    """Why no box of this frame is learnt from: its clip is of another split."""
    split = clips[frame.name].split
    if split == "train":
        return None
    return UnmatchedFile("not_train", f"is of the {split} split; only boxes of train clips are used.")


def frame_of(relative: str, clips: Mapping[str, ClipInfo]) -> Frame | UnmatchedFile:
    """The frame of a label file, by its POSIX path relative to the label folder, whatever its clip's split.

    `{category}/{name}/{name}_{k}.xml`, any part of those folders or none, and MS3's `{name}.mp4_{k}.xml`.
    A folder may also be the clip's split. A folder that says something else of the clip is a contradiction.
    """
    *folders, file = relative.split("/")
    frame = split_stem(Path(file).stem)
    if frame is None or not 1 <= frame.number <= FRAMES:
        return UnmatchedFile(
            "not_a_frame", f"is not named {{clip}}_{{1..{FRAMES}}}.xml; rename or remove it."
        )
    home = clips.get(frame.name)
    if home is None:
        return UnmatchedFile("unknown_clip", f"{frame.name} is no clip of the catalogue; it is not used.")
    allowed = {frame.name, f"{frame.name}.mp4", home.category, home.split}
    strange = [folder for folder in folders if folder not in allowed]
    if strange:
        told = f"category {home.category}, split {home.split}" if home.category else f"split {home.split}"
        return UnmatchedFile("misplaced", f"lies in {strange[0]!r}, but {frame.name} has {told}; move it.")
    return frame
