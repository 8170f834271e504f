"""Labels from elsewhere: labelImg's folders and Label Studio's exports, however laid out. And out again,
for labelImg.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.categories import CATEGORIES, FRAMES
from pipeline.errors import PipelineError
from pipeline.files import atomic_path, write_text
from pipeline.labels.frames import image_path
from pipeline.labels.places import Frame, Home, split_stem
from pipeline.labels.pull import Collected, collect
from pipeline.labels.studio_json import read_export
from pipeline.labels.table import label_files
from pipeline.labels.voc import UnreadableLabelError, read_voc, write_voc


@dataclass
class Exported:
    """How many labels and images went out, and which labels could not: (file, why)."""

    labels: int = 0
    images: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


def read_sources(sources: Sequence[Path], clips: Mapping[str, Home]) -> Collected:
    """Labels from files and folders: VOC XML, joined by file name, and Label Studio JSON, joined by image
    name.

    Folders are searched to any depth, and their names do not matter. Paths inside files are never
    followed. What gives no label is listed with the reason; of several labels for one frame the first
    counts, the others are listed.

    Raises `PipelineError` if a source does not exist.
    """
    found = Collected()
    for source in sources:
        for path in _files(source):
            if path.suffix.lower() == ".json":
                _add_export(found, path, clips)
            else:
                _add_voc(found, path, clips)
    return found


def export_voc(folder: Path, clips: Mapping[str, Home], target: Path, images: Path | None = None) -> Exported:
    """Write labels as labelImg opens them: flat, `{name}_{k}.xml`, with `classes.txt`; with `images`, the
    frames too.

    Labels that cannot be read are left out and listed. Raises `PipelineError` if `target` holds anything.
    """
    if target.exists() and any(target.iterdir()):
        raise PipelineError(f"{target}: is not empty; nothing is overwritten there. Choose another folder.")
    done = Exported()
    target.mkdir(parents=True, exist_ok=True)
    for source in label_files(folder):
        frame = split_stem(Path(source).stem)
        if frame is None or frame.name not in clips:
            done.left_out.append((source, "names no frame of a clip in the catalogue"))
            continue
        stem = f"{frame.name}_{frame.number}"
        try:
            # written anew, not copied: labelImg shows no box, and says nothing, where `filename` lacks or
            # `difficult` is no number
            write_voc(target / f"{stem}.xml", replace(read_voc(folder / source), filename=f"{stem}.jpg"))
        except UnreadableLabelError as error:
            done.left_out.append((source, error.detail))
            continue
        done.labels += 1
        if images is not None:
            home = clips[frame.name]
            _copy(
                images / image_path(frame.name, home.category, home.split, frame.number),
                target / f"{stem}.jpg",
            )
            done.images += 1
    write_text(target / "classes.txt", "\n".join(CATEGORIES) + "\n")
    return done


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise PipelineError(f"{source}: no such file or folder of labels.")
    exports = sorted(path for path in source.rglob("*.json") if not path.name.startswith("."))
    return [source / relative for relative in label_files(source)] + exports


def _add_voc(found: Collected, path: Path, clips: Mapping[str, Home]) -> None:
    frame = split_stem(path.stem)
    if frame is None or frame.name not in clips or not 1 <= frame.number <= FRAMES:
        found.left_out.append((str(path), "is not named after a frame of a clip in the catalogue"))
        return
    try:
        annotation = read_voc(path)
    except UnreadableLabelError as error:
        found.left_out.append((str(path), error.detail))
        return
    # as it stands: what labelImg wrote beside the boxes stays
    if _add(found, frame, path.read_bytes(), str(path)):
        found.empty += not annotation.boxes


def _add_export(found: Collected, path: Path, clips: Mapping[str, Home]) -> None:
    try:
        tasks, reasons = read_export(path)
    except PipelineError as error:
        found.left_out.append((str(path), str(error)))
        return
    more = collect(tasks, clips)
    for frame, data in more.labels.items():
        _add(found, frame, data, f"{path}: {frame.name}_{frame.number}")
    found.left_out += [*reasons, *((f"{path}: {what}", why) for what, why in more.left_out)]
    found.lines += more.lines
    found.notes.update(more.notes)
    found.skipped += more.skipped
    found.empty += more.empty
    found.several += more.several


def _add(found: Collected, frame: Frame, data: bytes, what: str) -> bool:
    if frame in found.labels:
        if found.labels[frame] != data:
            found.left_out.append((what, "labels a frame that another file before it labels"))
        return False
    found.labels[frame] = data
    return True


def _copy(source: Path, target: Path) -> None:
    try:
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise PipelineError(f"{source}: cannot be copied to {target} ({error.strerror}).") from error
