"""Labels from elsewhere: labelImg's folders and Label Studio's exports, however laid out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.categories import FRAMES
from pipeline.errors import PipelineError
from pipeline.labels.collect import Collected, collect
from pipeline.labels.folder import label_files
from pipeline.labels.merge import Theirs, alike
from pipeline.labels.places import Frame, Home, split_stem
from pipeline.labels.studio_json import read_export
from pipeline.labels.voc import UnreadableLabelError, read_voc

_YOLO = "is text, as YOLO has it, which is not read; let labelImg save as PascalVOC"


def read_sources(sources: Sequence[Path], clips: Mapping[str, Home]) -> Collected:
    """Labels from files and folders: VOC XML, joined by file name, and Label Studio JSON, joined by image
    name.

    Folders are searched to any depth, and their names do not matter. Paths inside files are never
    followed. What gives no label is listed with the reason, a folder without any label file too; of several
    labels for one frame the first counts, the others are listed.

    Raises `PipelineError` if a source does not exist.
    """
    found = Collected()
    read = set()
    for source in (given.resolve() for given in sources):
        for path in _files(found, source, clips):
            if path in read:
                continue
            read.add(path)
            if path.suffix.lower() == ".json":
                _add_export(found, path, clips)
            else:
                _add_voc(found, path, clips)
    return found


def source_name(path: Path) -> str:
    """How an imported file is called in the record and the list of annotations: its full path."""
    return str(path.resolve()).encode(errors="backslashreplace").decode()


def _files(found: Collected, source: Path, clips: Mapping[str, Home]) -> Iterable[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise PipelineError(f"{source}: no such file or folder of labels.")
    exports = sorted(_with_suffix(source, ".json"))
    files = [source / relative for relative in label_files(source)] + exports
    texts = sorted(path for path in _with_suffix(source, ".txt") if path.name != "classes.txt")
    if not files:
        why = "holds no VOC XML and no Label Studio JSON"
        found.left_out.append((str(source), f"{why}; {texts[0].name} {_YOLO}" if texts else why))
        return []
    found.left_out += [(str(path), _YOLO) for path in texts if _frame(path, clips)]
    return files


def _with_suffix(folder: Path, suffix: str) -> Iterable[Path]:
    return (
        path for path in folder.rglob("*") if path.suffix.lower() == suffix and not path.name.startswith(".")
    )


def _frame(path: Path, clips: Mapping[str, Home]) -> Frame | None:
    frame = split_stem(path.stem)
    known = frame is not None and frame.name in clips and 1 <= frame.number <= FRAMES
    return frame if known else None


def _add_voc(found: Collected, path: Path, clips: Mapping[str, Home]) -> None:
    if path.suffix.lower() == ".txt":
        found.left_out.append((str(path), _YOLO))
        return
    frame = _frame(path, clips)
    if frame is None:
        found.left_out.append((str(path), "is not named after a frame of a clip in the catalogue"))
        return
    try:
        annotation = read_voc(path)
    except UnreadableLabelError as error:
        found.left_out.append((str(path), error.detail))
        return
    # as it stands: what labelImg wrote beside the boxes stays
    if _add(found, frame, Theirs(source_name(path), path.read_bytes()), str(path)):
        found.empty += not annotation.boxes


def _add_export(found: Collected, path: Path, clips: Mapping[str, Home]) -> None:
    try:
        tasks, reasons = read_export(path)
    except PipelineError as error:
        found.left_out.append((str(path), str(error)))
        return
    more = collect(tasks, clips, source_name(path))
    for frame, theirs in more.labels.items():
        _add(found, frame, theirs, f"{path}: {frame.name}_{frame.number}")
    found.left_out += [*reasons, *((f"{path}: {what}", why) for what, why in more.left_out)]
    found.doubtful += [(f"{path}: {what}", why) for what, why in more.doubtful]
    found.whole |= more.whole
    found.lines += more.lines
    found.notes.update(more.notes)
    found.skipped += more.skipped
    found.empty += more.empty
    found.several += more.several


def _add(found: Collected, frame: Frame, theirs: Theirs, what: str) -> bool:
    first = found.labels.setdefault(frame, theirs)
    if not alike(first.data, theirs.data):
        found.left_out.append((what, "labels a frame that another file before it labels"))
    return first is theirs
