"""Assembly of a clip from the files that exist: shared by the S4 and MS3 readers."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.data.clip import FRAMES, Clip

Prefer = Literal["videos", "frames"]
LAST_WHOLE = 5  # the last second of the original, 10 s long, at which a clip of 5 s can start


@dataclass(frozen=True)
class Problem:
    """A file that should be there and is not, or the other way round."""

    kind: str  # picture, sound or mask
    clip: str
    text: str


@dataclass
class Found:
    """What a reader found under a root: clips in the table's order, and all problems."""

    clips: list[Clip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class ClipFiles:
    """Paths at which the files of one clip are expected."""

    video: Path
    frames: Path  # folder
    frame_names: tuple[str, ...]  # of {name} and {k}; the spelling that most files have is taken
    masks: Path  # folder; files {name}_{k}.png
    labelled: frozenset[int]  # frames (1..5) that must have a mask; no other may
    sounds: tuple[Path, ...]  # the first that exists is taken
    silent_masks: Path  # folder
    silent_sound: Path


def add_clip(
    found: Found,
    row: Mapping[str, str],
    start: int,
    files: ClipFiles,
    prefer: Prefer,
    silent: Mapping[str, str],
) -> None:
    """Append the clip of one row to `found`, with what is missing.

    Names match in either of Unicode's forms, as macOS and others write them; hidden files, such as macOS's
    `._NAME.png`, belong to no clip. Where a clip's video, or its distributed frames and sound, are missing or
    incomplete the other is used. Four frames are complete only if the clip starts after `LAST_WHOLE`.

    Args:
        found: gets the clip and its problems.
        row: of the metadata table: name, split and, for S4, category.
        start: second of the original video at which the clip begins.
        files: where its files would be.
        prefer: which to use where a clip has both.
        silent: clip -> category of the visible object that makes no sound.
    """
    name = row["name"]
    film = as_spelled(files.video)
    video = film if film.is_file() else None
    use_files = prefer == "frames" or video is None
    frames, missing = _frames(name, start, files) if use_files else (None, [])
    sounds = map(as_spelled, files.sounds)
    sound = next((path for path in sounds if path.is_file()), None) if use_files else None
    if video is None and frames is None:
        text = f"no video {files.video} and no {', '.join(missing)} in {files.frames}"
        found.problems.append(Problem("picture", name, text))
    if video is None and sound is None:
        found.problems.append(
            Problem("sound", name, f"no video {files.video} and no sound {files.sounds[0]}")
        )

    masks = {k: f"{name}_{k}.png" for k in sorted(files.labelled)}
    present = _pictures(files.masks)
    for mask in masks.values():
        if mask not in present:
            found.problems.append(Problem("mask", name, f"no mask {files.masks / mask}"))
    extra = sorted(present.keys() - masks.values())
    if extra:
        wanted = "frame 1 only" if len(files.labelled) == 1 else f"frames 1 to {FRAMES}"
        text = f"{files.masks}: masks are for {wanted}; move away {', '.join(extra)}"
        found.problems.append(Problem("mask", name, text))

    silent_masks = _pictures(files.silent_masks)
    shown = [silent_masks.get(f"{name}_{k}.png") for k in range(1, FRAMES + 1)]
    silent_sound = as_spelled(files.silent_sound)
    found.clips.append(
        Clip(
            name=name,
            category=row.get("category", ""),
            split=row["split"],
            start=start,
            video=video.as_posix() if video else None,
            audio=sound.as_posix() if sound else None,
            frames=frames,
            masks=[present.get(masks.get(k, "")) for k in range(1, FRAMES + 1)],
            silent_category=silent.get(name),
            silent_masks=shown if any(shown) else None,
            silent_audio=silent_sound.as_posix() if silent_sound.is_file() else None,
        )
    )


def as_spelled(path: Path) -> Path:
    """A path as the disk spells it: its names may be there in another of Unicode's forms.

    Args:
        path: as the table names it.

    Returns:
        What exists under that name in whatever form; `path` if nothing does.
    """
    if path.as_posix().isascii() or path.exists() or path == path.parent:
        return path
    parent = as_spelled(path.parent)
    there = sorted(parent.iterdir()) if parent.is_dir() else []
    return next((one for one in there if _composed(one.name) == _composed(path.name)), path)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _pictures(folder: Path) -> dict[str, str]:
    """The PNG files in a folder: name in composed form -> path. Hidden files are left out."""
    return {
        _composed(path.name): path.as_posix()
        for path in sorted(as_spelled(folder).glob("*.png"))
        if not path.name.startswith(".")
    }


def _frames(name: str, start: int, files: ClipFiles) -> tuple[list[str | None] | None, list[str]]:
    """The distributed frames, or None and the names of those that are missing.

    The published script wrote 4 for the S4 clips that start at second 6: 4 seconds are left of the original.
    """
    present = _pictures(files.frames)
    spelt = [
        [spelling.format(name=name, k=k) for k in range(1, FRAMES + 1)] for spelling in files.frame_names
    ]
    names = max(spelt, key=lambda names: len(present.keys() & set(names)))
    missing = [file for file in names[: FRAMES if start <= LAST_WHOLE else FRAMES - 1] if file not in present]
    if missing:
        return None, missing
    return [present.get(file) for file in names], []
