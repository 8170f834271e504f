"""Assembly of a clip from the files that exist: shared by the S4 and MS3 readers."""

from __future__ import annotations

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

    Where a clip's video, or its distributed frames and sound, are missing or incomplete the other is used.
    Four frames are complete only if the clip starts after `LAST_WHOLE`.

    Args:
        found: gets the clip and its problems.
        row: of the metadata table: name, split and, for S4, category.
        start: second of the original video at which the clip begins.
        files: where its files would be.
        prefer: which to use where a clip has both.
        silent: clip -> category of the visible object that makes no sound.
    """
    name = row["name"]
    video = files.video if files.video.is_file() else None
    use_files = prefer == "frames" or video is None
    frames, missing = _frames(name, start, files) if use_files else (None, [])
    sound = next((path for path in files.sounds if path.is_file()), None) if use_files else None
    if video is None and frames is None:
        text = f"no video {files.video} and no {', '.join(missing)} in {files.frames}"
        found.problems.append(Problem("picture", name, text))
    if video is None and sound is None:
        found.problems.append(
            Problem("sound", name, f"no video {files.video} and no sound {files.sounds[0]}")
        )

    expected = {k: files.masks / f"{name}_{k}.png" for k in range(1, FRAMES + 1)}
    present = {path.name for path in files.masks.glob("*.png")}
    for k, path in expected.items():
        if k in files.labelled and path.name not in present:
            found.problems.append(Problem("mask", name, f"no mask {path}"))
    extra = sorted(present - {expected[k].name for k in files.labelled})
    if extra:
        wanted = "frame 1 only" if len(files.labelled) == 1 else f"frames 1 to {FRAMES}"
        text = f"{files.masks}: masks are for {wanted}; move away {', '.join(extra)}"
        found.problems.append(Problem("mask", name, text))

    silent_masks = [files.silent_masks / f"{name}_{k}.png" for k in range(1, FRAMES + 1)]
    shown = [path.as_posix() if path.is_file() else None for path in silent_masks]
    found.clips.append(
        Clip(
            name=name,
            category=row.get("category", ""),
            split=row["split"],
            start=start,
            video=video.as_posix() if video else None,
            audio=sound.as_posix() if sound else None,
            frames=frames,
            masks=[path.as_posix() if k in files.labelled else None for k, path in expected.items()],
            silent_category=silent.get(name),
            silent_masks=shown if any(shown) else None,
            silent_audio=files.silent_sound.as_posix() if files.silent_sound.is_file() else None,
        )
    )


def _frames(name: str, start: int, files: ClipFiles) -> tuple[list[str | None] | None, list[str]]:
    """The distributed frames, or None and the names of those that are missing.

    The published script wrote 4 for the S4 clips that start at second 6: 4 seconds are left of the original.
    """
    present = {path.name for path in files.frames.glob("*.png")}
    spelt = [
        [spelling.format(name=name, k=k) for k in range(1, FRAMES + 1)] for spelling in files.frame_names
    ]
    names = max(spelt, key=lambda names: len(present.intersection(names)))
    missing = [file for file in names[: FRAMES if start <= LAST_WHOLE else FRAMES - 1] if file not in present]
    if missing:
        return None, missing
    return [(files.frames / file).as_posix() if file in present else None for file in names], []
