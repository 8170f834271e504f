"""Label index: which file of a label folder labels which frame, for training, merging and exporting alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data.clip import Clip
from pipeline.labels.voc.label_paths import Frame, UnmatchedFile, frame_of, not_train


@dataclass(frozen=True)
class LabelIndex:
    """The file of each labelled frame, of clips of any split, and problems with files.

    Attributes:
        files: frame -> POSIX path relative to the label folder.
        problems: (file, kind, detail), kinds as in `rules.KINDS`; of the files in `files` only those of
            clips outside the train split are listed.
    """

    files: dict[Frame, str] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)


def index_labels(folder: Path, clips: Mapping[str, Clip]) -> LabelIndex:
    """Find each frame's file; see `label_paths.frame_of` for the layouts. Empty if there is no such folder.

    Of two files for one frame the one in the deeper folder counts, since its path says more about where it
    belongs; of equally deep ones the first by name.
    """
    index = LabelIndex()
    for source in sorted(label_files(folder), key=lambda source: -source.count("/")):
        frame = frame_of(source, clips)
        if isinstance(frame, UnmatchedFile):
            index.problems.append((_printable(source), frame.kind, _printable(frame.detail)))
            continue
        first = index.files.setdefault(frame, source)
        if unused := not_train(frame, clips):
            index.problems.append((source, *unused))
        elif first != source:
            index.problems.append((source, "doubled", f"labels the same frame as {first}; remove one."))
    return index


def label_files(folder: Path) -> list[str]:
    """All XML files under a folder except hidden ones, as sorted POSIX paths relative to it."""
    skip = len(folder.as_posix().rstrip("/")) + 1 if folder != Path() else 0
    found = (path.as_posix()[skip:] for path in folder.rglob("*.[xX][mM][lL]"))
    return sorted(path for path in found if not path.startswith(".") and "/." not in path)


def _printable(text: str) -> str:
    """Escape a file name that is not UTF-8, so that it can be written into tables and pages."""
    return text.encode(errors="backslashreplace").decode()
