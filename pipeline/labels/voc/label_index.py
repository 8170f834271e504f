"""Which file of a label folder labels which frame: one rule for training, merging and exporting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.labels.voc.label_paths import ClipInfo, Frame, UnmatchedFile, frame_of, not_train


@dataclass(frozen=True)
class Placed:
    """The file of each labelled frame, of clips of any split, and what is wrong with files.

    problems: (file, kind, detail), kinds as in `rules.KINDS`. Of the files in `files` only those of clips
    outside the train split stand among them.
    """

    files: dict[Frame, str] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)


def place_files(folder: Path, clips: Mapping[str, ClipInfo]) -> Placed:
    """Find each frame's file; see `places.frame_of` for the layouts. Empty where there is no such folder.

    Of two files for one frame the one in the deeper folder counts: it says most of where it belongs. Of
    equally deep ones the first by name does.
    """
    placed = Placed()
    for source in sorted(label_files(folder), key=lambda source: -source.count("/")):
        place = frame_of(source, clips)
        if isinstance(place, UnmatchedFile):
            placed.problems.append((_writable(source), place.kind, _writable(place.detail)))
            continue
        first = placed.files.setdefault(place, source)
        if unused := not_train(place, clips):
            placed.problems.append((source, *unused))
        elif first != source:
            placed.problems.append((source, "doubled", f"labels the frame that {first} labels; remove one."))
    return placed


def label_files(folder: Path) -> list[str]:
    """All XML files under a folder but hidden ones, as sorted POSIX paths relative to it."""
    skip = len(folder.as_posix().rstrip("/")) + 1 if folder != Path() else 0
    found = (path.as_posix()[skip:] for path in folder.rglob("*.[xX][mM][lL]"))
    return sorted(path for path in found if not path.startswith(".") and "/." not in path)


def _writable(text: str) -> str:
    """A name that is not UTF-8 can be written into no table or page as it is."""
    return text.encode(errors="backslashreplace").decode()
