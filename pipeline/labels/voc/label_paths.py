"""Label paths: which frame a label file belongs to, by its path and never by its contents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.data.clip import FRAMES, Clip

# greedy, so that a clip's own `_7` stays in its name; MS3 names its frames `{name}.mp4_{k}`
_STEM = re.compile(r"(?P<name>.+?)(?:\.mp4)?_(?P<frame>\d{1,9})", re.DOTALL)


class Frame(NamedTuple):
    """One frame of a clip, counted from 1."""

    name: str
    number: int


class UnmatchedFile(NamedTuple):
    """A file that belongs to no frame: the kind of problem (see `rules.KINDS`) and its detail."""

    kind: str
    detail: str


def label_path(frame: Frame, category: str) -> str:
    """Path of a frame's label, relative to the label folder: `{category}/{name}/{name}_{k}.xml`."""
    file = f"{frame.name}/{frame.name}_{frame.number}.xml"
    return f"{category}/{file}" if category else file


def image_id(frame: Frame) -> str:
    """The frame's stable name in Label Studio: `{name}_{k}`."""
    return f"{frame.name}_{frame.number}"


def split_stem(stem: str) -> Frame | None:
    """`{name}_{k}` or `{name}.mp4_{k}` -> the frame it names; None for any other form.

    The name comes in Unicode's composed form, as the catalogue has it; macOS writes files in the other.
    """
    match = _STEM.fullmatch(unicodedata.normalize("NFC", stem))
    return Frame(match["name"], int(match["frame"])) if match else None


def locate(relative: str, clips: Mapping[str, Clip]) -> Frame | UnmatchedFile:
    """The frame of a label file, if its clip is of the train split; see `frame_of`."""
    found = frame_of(relative, clips)
    return found if isinstance(found, UnmatchedFile) else not_train(found, clips) or found


def not_train(frame: Frame, clips: Mapping[str, Clip]) -> UnmatchedFile | None:
    """The problem of a frame whose clip is not of the train split, None for others."""
    split = clips[frame.name].split
    if split == "train":
        return None
    return UnmatchedFile("not_train", f"is of the {split} split; only boxes of train clips are used.")


def frame_of(relative: str, clips: Mapping[str, Clip]) -> Frame | UnmatchedFile:
    """The frame of a label file, by its POSIX path relative to the label folder, whatever its clip's split.

    `{category}/{name}/{name}_{k}.xml`, any of those folders or none, and MS3's `{name}.mp4_{k}.xml`. A
    folder may also be the clip's split; any other name contradicts the clip.
    """
    *folders, file = unicodedata.normalize("NFC", relative).split("/")
    frame = split_stem(Path(file).stem)
    if frame is None or not 1 <= frame.number <= FRAMES:
        return UnmatchedFile(
            "not_a_frame", f"is not named {{clip}}_{{1..{FRAMES}}}.xml; rename or remove it."
        )
    clip = clips.get(frame.name)
    if clip is None:
        return UnmatchedFile("unknown_clip", f"{frame.name} is no clip of the catalogue; it is not used.")
    allowed = {frame.name, f"{frame.name}.mp4", clip.category, clip.split}
    unknown = [folder for folder in folders if folder not in allowed]
    if unknown:
        known = f"category {clip.category}, split {clip.split}" if clip.category else f"split {clip.split}"
        return UnmatchedFile("misplaced", f"is in {unknown[0]!r}, but {frame.name} has {known}; move it.")
    return frame
