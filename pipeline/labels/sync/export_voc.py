"""Labels and frames out to a folder as labelImg opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.data.categories import CATEGORIES, FRAMES
from pipeline.labels.studio.frame_tasks import image_path
from pipeline.labels.sync.import_labels import source_name
from pipeline.labels.sync.sync_state import SyncState, digest, read_sync_state, write_sync_state
from pipeline.labels.voc.folder_transaction import read_lock
from pipeline.labels.voc.label_index import place_files
from pipeline.labels.voc.label_paths import ClipInfo, Frame, image_id
from pipeline.labels.voc.voc_xml import UnreadableLabelError, read_voc, voc_text
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder


@dataclass
class Exported:
    """How many labels and images went out, and which files could not: (file, why)."""

    labels: int = 0
    images: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


def export_voc(
    folder: Path, clips: Mapping[str, ClipInfo], target: Path, record_file: Path, images: Path | None = None
) -> Exported:
    """Write labels as labelImg opens them: flat, `{name}_{k}.xml`, with `classes.txt`; with `images`, the
    frames of all train clips and of what is labelled too.

    Of several files for a frame the one that training reads goes out. What was written is remembered, so
    that importing it again brings only what was changed there. What cannot go out is listed.

    Raises `PipelineError` if there are no labels and no images are wanted, if `target` holds anything or
    cannot be written; it is made whole or not at all.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise PipelineError(f"{target}: is a file; choose a new or empty folder.")
    if target.exists() and any(target.iterdir()):
        raise PipelineError(f"{target}: is not empty; nothing is overwritten there. Choose another folder.")
    if target.is_relative_to(folder.resolve()):
        raise PipelineError(
            f"{target}: lies in {folder}, where every file is a label; choose a folder elsewhere."
        )
    if images is None and not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder of labels; with --images the frames go out alone, to be labelled."
        )
    done = Exported()
    with read_lock(folder):
        record = read_sync_state(record_file, folder)
        for source in [one for one in record if Path(one).parent == target]:
            del record[source]  # of a folder that stood there before
        try:
            with atomic_folder(target) as new:
                labelled = _write_labels(folder, clips, new, target, done, record)
                if images is not None:
                    _write_images(images, clips, labelled, new, done)
                (new / "classes.txt").write_text("\n".join(CATEGORIES) + "\n", encoding="utf-8")
        except OSError as error:
            raise PipelineError(
                f"{target}: cannot be written ({error.strerror}); nothing was. Make room, or choose another "
                "folder."
            ) from error
        write_sync_state(record_file, folder, record)
    return done


def _write_labels(
    folder: Path, clips: Mapping[str, ClipInfo], new: Path, target: Path, done: Exported, record: SyncState
) -> list[Frame]:
    placed = place_files(folder, clips)
    chosen = set(placed.files.values())
    done.left_out += [(source, detail) for source, _, detail in placed.problems if source not in chosen]
    written = []
    for frame, source in sorted(placed.files.items()):
        stem = image_id(frame)
        try:
            # written anew, not copied: labelImg shows no box, and says nothing, where `filename` lacks or
            # `difficult` is no number
            annotation = replace(read_voc(folder / source), filename=f"{stem}.jpg")
            data = voc_text(annotation, frame.name, source).encode()
        except UnreadableLabelError as error:
            done.left_out.append((source, error.detail))
            continue
        except PipelineError as error:
            done.left_out.append((source, str(error)))
            continue
        (new / f"{stem}.xml").write_bytes(data)
        here = digest((folder / source).read_bytes())
        record.setdefault(source_name(target / f"{stem}.xml"), {})[source] = [digest(data), here]
        written.append(frame)
    done.labels = len(written)
    return written


def _write_images(
    images: Path, clips: Mapping[str, ClipInfo], labelled: list[Frame], new: Path, done: Exported
) -> None:
    train = [
        Frame(name, number)
        for name, home in clips.items()
        if home.split == "train"
        for number in range(1, FRAMES + 1)
    ]
    for frame in dict.fromkeys([*train, *labelled]):
        home = clips[frame.name]
        source = images / image_path(frame.name, home.category, home.split, frame.number)
        try:
            data = source.read_bytes()
        except OSError as error:
            done.left_out.append((str(source), f"cannot be read ({error.strerror}); run `dvc repro frames`"))
            continue
        (new / f"{image_id(frame)}.jpg").write_bytes(data)
        done.images += 1
    if not done.images:
        raise PipelineError(f"{images}: holds none of the frames; run `dvc repro frames`.")
