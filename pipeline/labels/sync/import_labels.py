"""Labels from elsewhere: labelImg's folders and Label Studio's exports, however laid out."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.data.categories import FRAMES
from pipeline.labels.studio.export_json import read_export
from pipeline.labels.sync.from_studio import Collected, collect
from pipeline.labels.sync.merge import IncomingLabel, alike
from pipeline.labels.voc.label_index import label_files
from pipeline.labels.voc.label_paths import ClipInfo, Frame, image_id, split_stem
from pipeline.labels.voc.voc_xml import UnreadableLabelError, read_voc
from pipeline.utils.errors import PipelineError

_YOLO = "is text, as YOLO has it, which is not read; let labelImg save as PascalVOC"
_ARCHIVE = "is an archive, which is not read; unpack it first"
_OTHER = "is neither VOC XML nor JSON; export JSON from Label Studio"
_STUDIO_VOC = (
    "is VOC of Label Studio, which counts pixels from 0 and tells neither who drew nor what was skipped; "
    "export JSON from it"
)
_NOT_READ = {".txt": _YOLO, ".zip": _ARCHIVE, ".csv": _OTHER, ".tsv": _OTHER}


def read_sources(sources: Sequence[Path], clips: Mapping[str, ClipInfo]) -> Collected:
    """Labels from files and folders: VOC XML, joined by file name, and Label Studio JSON, joined by image
    name.

    Folders are searched to any depth, and their names do not matter. Paths inside files are never
    followed. What gives no label is listed with the reason, a folder without any label file too. A source
    none of whose files holds a label or a skipped task is fruitless; one whose labels are known already is
    not.

    Of several labels for one frame one counts, the others are listed. Of Label Studio's it is the one that
    `collect.choose` takes, whichever export holds it; otherwise the first: sources as given, within a folder
    VOC before JSON and the less deep first.

    Raises `PipelineError` if a source does not exist.
    """
    found = Collected()
    read: dict[Path, bool] = {}  # whether the file held something
    for source in (given.resolve() for given in sources):
        before = len(found.left_out)
        files = _files(found, source, clips)
        for path in files:
            if path not in read:
                read[path] = _add_file(found, path, clips)
        if not any(read[path] for path in files):
            found.fruitless.append((str(source), _why(source, found.left_out[before:])))
    _unchoose(found)
    return found


def source_name(path: Path) -> str:
    """How an imported file is called in the record and the list of annotations: its full path."""
    return str(path.resolve()).encode(errors="backslashreplace").decode()


def _why(source: Path, reasons: Sequence[tuple[str, str]]) -> str:
    if not reasons:
        return "holds no annotation, or only what was read before"
    what, why = reasons[0]
    first = why if what == str(source) else f"{what}: {why}"
    return f"{first}; {len(reasons) - 1} more are listed as left out" if len(reasons) > 1 else first


def _files(found: Collected, source: Path, clips: Mapping[str, ClipInfo]) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise PipelineError(f"{source}: no such file or folder of labels.")
    found.left_out += [
        (str(link), "is a link to a folder, which is not followed; name it too")
        for link in _linked_folders(source)
    ]
    # by depth, so that a copy in `backup/` does not go before its file
    voc = sorted(label_files(source), key=lambda relative: relative.count("/"))
    files = [source / relative for relative in voc] + _with_suffix(source, (".json",))
    others = [path for path in _with_suffix(source, _NOT_READ) if path.name != "classes.txt"]
    told = [(path, _NOT_READ[path.suffix.lower()]) for path in others]
    if not files:
        why = "holds no VOC XML and no Label Studio JSON"
        found.left_out.append((str(source), f"{why}; {told[0][0].name} {told[0][1]}" if told else why))
        return []
    # a text that is named after no frame is a note, not a label
    found.left_out += [(str(path), why) for path, why in told if why != _YOLO or _frame(path, clips)]
    return files


def _linked_folders(folder: Path) -> list[Path]:
    below = (Path(where, name) for where, names, _ in os.walk(folder) for name in names)
    return _in_sight(folder, (path for path in below if path.is_symlink()))


def _with_suffix(folder: Path, suffixes: Container[str]) -> list[Path]:
    return _in_sight(folder, (path for path in folder.rglob("*") if path.suffix.lower() in suffixes))


def _in_sight(folder: Path, found: Iterable[Path]) -> list[Path]:
    """Sorted; none that is hidden or lies in a hidden folder, as `label_files` has it."""
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _frame(path: Path, clips: Mapping[str, ClipInfo]) -> Frame | None:
    frame = split_stem(path.stem)
    known = frame is not None and frame.name in clips and 1 <= frame.number <= FRAMES
    return frame if known else None


def _add_file(found: Collected, path: Path, clips: Mapping[str, ClipInfo]) -> bool:
    """Whether the file held a label or a skipped task."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _add_export(found, path, clips)
    if suffix == ".xml":
        return _add_voc(found, path, clips)
    found.left_out.append((str(path), _NOT_READ.get(suffix, _OTHER)))
    return False


def _add_voc(found: Collected, path: Path, clips: Mapping[str, ClipInfo]) -> bool:
    frame = _frame(path, clips)
    try:
        annotation = read_voc(path)
    except UnreadableLabelError as error:
        found.left_out.append((str(path), error.detail))
        return False
    if annotation.owner == "Label Studio":  # its file names are its own too
        found.left_out.append((str(path), _STUDIO_VOC))
        return False
    if frame is None:
        found.left_out.append((str(path), "is not named after a frame of a clip in the catalogue"))
        return False
    # as it stands: what labelImg wrote beside the boxes stays
    if _add(found, frame, IncomingLabel(source_name(path), path.read_bytes()), str(path)):
        found.empty += not annotation.boxes
    return True


def _add_export(found: Collected, path: Path, clips: Mapping[str, ClipInfo]) -> bool:
    try:
        tasks, reasons = read_export(path)
    except PipelineError as error:
        found.left_out.append((str(path), str(error).removeprefix(f"{path}: ")))
        return False
    more = collect(tasks, clips, source_name(path))
    for frame, theirs in more.labels.items():
        _add(found, frame, theirs, f"{path}: {image_id(frame)}")
    found.left_out += [*reasons, *((f"{path}: {what}", why) for what, why in more.left_out)]
    found.doubtful += [(f"{path}: {what}", why) for what, why in more.doubtful]
    found.whole |= more.whole
    found.lines += more.lines
    found.notes.update(more.notes)
    found.skipped += more.skipped
    found.empty += more.empty
    found.several += more.several
    return bool(more.labels or more.skipped)


def _add(found: Collected, frame: Frame, theirs: IncomingLabel, what: str) -> bool:
    """Whether it counts, and not one before it."""
    first = found.labels.setdefault(frame, theirs)
    if first is theirs:
        return True
    better = first.rank is not None and theirs.rank is not None and theirs.rank > first.rank
    if better:
        found.labels[frame], what = theirs, f"{first.source}: {image_id(frame)}"
    if not alike(first.data, theirs.data):
        counts = found.labels[frame].source
        found.left_out.append((what, f"labels a frame that {counts} labels too; that one counts"))
    return better


def _unchoose(found: Collected) -> None:
    """Each export chose for itself: of them all, only the annotation that counts stays chosen, and copies."""

    def told(line: dict[str, Any]) -> tuple[Any, ...]:
        return line["annotation"], line["updated"], line["boxes"]

    counts = {}
    for line in found.lines:
        frame = Frame(line["name"], line["frame"])
        if line["chosen"] and frame in found.labels and found.labels[frame].source == line["source"]:
            counts[frame] = told(line)
    for line in found.lines:
        line["chosen"] &= counts.get(Frame(line["name"], line["frame"]), told(line)) == told(line)
