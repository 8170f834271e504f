"""Label import: labelImg's folders and Label Studio's exports, in any layout."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.data.clip import FRAMES, Clip
from pipeline.labels.studio.coerce import instant
from pipeline.labels.studio.export_json import read_export
from pipeline.labels.sync.from_studio import Collected, collect
from pipeline.labels.sync.merge import IncomingLabel, same_boxes
from pipeline.labels.voc.label_index import label_files
from pipeline.labels.voc.label_paths import Frame, image_id, split_stem
from pipeline.labels.voc.voc_xml import UnreadableLabelError, read_voc
from pipeline.utils.errors import PipelineError

_YOLO = "is text, as in YOLO's format, which is not read; let labelImg save as PascalVOC"
_ARCHIVE = "is an archive, which is not read; unpack it first"
_OTHER = "is neither VOC XML nor JSON; export JSON from Label Studio"
_STUDIO_VOC = (
    "is Label Studio's VOC, which counts pixels from 0 and gives neither annotators nor skipped tasks; "
    "export JSON from it"
)
_NOT_READ = {".txt": _YOLO, ".zip": _ARCHIVE, ".csv": _OTHER, ".tsv": _OTHER}


def read_sources(sources: Sequence[Path], clips: Mapping[str, Clip]) -> Collected:
    """Labels from files and folders: VOC XML by file name, and Label Studio JSON by image name.

    Folders are searched to any depth, and their names do not matter. Paths inside files are never
    followed. What gives no label is listed with the reason, and so is a folder without any label file.
    Sources of which no file holds a label or a skipped task are `empty_sources`.

    Of several labels for one frame one counts, the others are listed. Of Label Studio's it is the one that
    `from_studio.choose` takes, whichever export holds it; otherwise the first: sources as given, within a
    folder VOC before JSON and the less deep first.

    Args:
        sources: files and folders.
        clips: by name.

    Raises:
        PipelineError: a source does not exist.
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
            found.empty_sources.append((str(source), _why(source, found.left_out[before:])))
    _keep_one_chosen(found)
    return found


def source_name(path: Path) -> str:
    """The name of an imported file in the sync state and the list of annotations: its full path."""
    return str(path.resolve()).encode(errors="backslashreplace").decode()


def _why(source: Path, reasons: Sequence[tuple[str, str]]) -> str:
    if not reasons:
        return "holds no annotation, or only ones that were read before"
    what, why = reasons[0]
    first = why if what == str(source) else f"{what}: {why}"
    return f"{first}; {len(reasons) - 1} more are listed as left out" if len(reasons) > 1 else first


def _files(found: Collected, source: Path, clips: Mapping[str, Clip]) -> list[Path]:
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
    unread = [(path, _NOT_READ[path.suffix.lower()]) for path in others]
    if not files:
        why = "holds no VOC XML and no Label Studio JSON"
        found.left_out.append((str(source), f"{why}; {unread[0][0].name} {unread[0][1]}" if unread else why))
        return []
    # a text that is named after no frame is a note, not a label
    found.left_out += [(str(path), why) for path, why in unread if why != _YOLO or _frame(path, clips)]
    return files


def _linked_folders(folder: Path) -> list[Path]:
    below = (Path(where, name) for where, names, _ in os.walk(folder) for name in names)
    return _visible(folder, (path for path in below if path.is_symlink()))


def _with_suffix(folder: Path, suffixes: Container[str]) -> list[Path]:
    return _visible(folder, (path for path in folder.rglob("*") if path.suffix.lower() in suffixes))


def _visible(folder: Path, found: Iterable[Path]) -> list[Path]:
    """Sorted, without hidden files and those in hidden folders, as in `label_files`."""
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _frame(path: Path, clips: Mapping[str, Clip]) -> Frame | None:
    frame = split_stem(path.stem)
    known = frame is not None and frame.name in clips and 1 <= frame.number <= FRAMES
    return frame if known else None


def _add_file(found: Collected, path: Path, clips: Mapping[str, Clip]) -> bool:
    """Whether the file held a label or a skipped task."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _add_export(found, path, clips)
    if suffix == ".xml":
        return _add_voc(found, path, clips)
    found.left_out.append((str(path), _NOT_READ.get(suffix, _OTHER)))
    return False


def _add_voc(found: Collected, path: Path, clips: Mapping[str, Clip]) -> bool:
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
    # byte for byte: what labelImg wrote in addition to the boxes stays
    if _add(found, frame, IncomingLabel(source_name(path), path.read_bytes()), str(path)):
        found.empty += not annotation.boxes
    return True


def _add_export(found: Collected, path: Path, clips: Mapping[str, Clip]) -> bool:
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
    found.complete |= more.complete
    found.lines += more.lines
    found.notes.update(more.notes)
    found.skipped += more.skipped
    found.empty += more.empty
    found.several += more.several
    return bool(more.labels or more.skipped)


def _add(found: Collected, frame: Frame, theirs: IncomingLabel, what: str) -> bool:
    """Add a label; whether it counts, and not an earlier one."""
    first = found.labels.setdefault(frame, theirs)
    if first is theirs:
        return True
    better = first.rank is not None and theirs.rank is not None and theirs.rank > first.rank
    if better:
        found.labels[frame], what = theirs, f"{first.source}: {image_id(frame)}"
    if not same_boxes(first.data, theirs.data):
        counts = found.labels[frame].source
        found.left_out.append((what, f"labels a frame that {counts} labels too; that one counts"))
    return better


def _keep_one_chosen(found: Collected) -> None:
    """Each export chose for itself: of all only the annotation that counts, and its copies, stay chosen."""

    def identity(line: dict[str, Any]) -> tuple[Any, ...]:
        return line["annotation"], instant(line["updated"]), line["boxes"]

    counts = {}
    for line in found.lines:
        frame = Frame(line["name"], line["frame"])
        if line["chosen"] and frame in found.labels and found.labels[frame].source == line["source"]:
            counts[frame] = identity(line)
    for line in found.lines:
        line["chosen"] &= counts.get(Frame(line["name"], line["frame"]), identity(line)) == identity(line)
