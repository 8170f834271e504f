"""Label export: labels and frames in a folder as labelImg opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.data.clip import FRAMES, Clip
from pipeline.data.images import frame_path
from pipeline.labels.sync.import_labels import source_name
from pipeline.labels.sync.sync_state import SyncState, label_digest, read_sync_state, write_sync_state
from pipeline.labels.voc.folder_transaction import read_lock
from pipeline.labels.voc.label_index import index_labels
from pipeline.labels.voc.label_paths import Frame, image_id
from pipeline.labels.voc.voc_xml import UnreadableLabelError, read_voc, voc_text
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder


@dataclass
class Exported:
    """What was written.

    Attributes:
        labels: how many.
        images: how many.
        left_out: (file, why).
    """

    labels: int = 0
    images: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


def export_voc(
    folder: Path,
    clips: Mapping[str, Clip],
    classes: Sequence[str],
    target: Path,
    state_file: Path,
    images: Path | None = None,
) -> Exported:
    """Write labels as labelImg opens them: flat, `{name}_{k}.xml`, with `classes.txt`.

    Of several files for a frame the one that training reads is written. The sync state remembers what was
    written, so that importing it again brings only what was changed there. What cannot be written is listed.

    Args:
        folder: the label folder.
        clips: by name.
        classes: that labelImg offers, in `classes.txt`.
        target: a new or empty folder; written whole or not at all.
        state_file: of the last syncs.
        images: folder of frames; those of all train clips, and of all labels, are written too.

    Raises:
        PipelineError: there are no labels and no images are wanted, or `target` holds anything or cannot be
            written.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise PipelineError(f"{target}: is a file; choose a new or empty folder.")
    if target.exists() and any(target.iterdir()):
        raise PipelineError(f"{target}: is not empty; nothing is overwritten there. Choose another folder.")
    if target.is_relative_to(folder.resolve()):
        raise PipelineError(
            f"{target}: is in {folder}, where every file is a label; choose a folder elsewhere."
        )
    if images is None and not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder of labels; with --images the frames are exported without labels."
        )
    done = Exported()
    with read_lock(folder):
        state = read_sync_state(state_file, folder)
        for source in [one for one in state if Path(one).parent == target]:
            del state[source]  # of an earlier folder of that name
        try:
            with atomic_folder(target) as new:
                labelled = _write_labels(folder, clips, new, target, done, state)
                if images is not None:
                    _write_images(images, clips, labelled, new, done)
                (new / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
        except OSError as error:
            raise PipelineError(
                f"{target}: cannot be written ({error.strerror}); nothing was. Make room, or choose another "
                "folder."
            ) from error
        write_sync_state(state_file, folder, state)
    return done


def _write_labels(
    folder: Path, clips: Mapping[str, Clip], new: Path, target: Path, done: Exported, state: SyncState
) -> list[Frame]:
    index = index_labels(folder, clips)
    chosen = set(index.files.values())
    done.left_out += [(source, detail) for source, _, detail in index.problems if source not in chosen]
    written = []
    for frame, source in sorted(index.files.items()):
        stem = image_id(frame)
        try:
            # rewritten, not copied: labelImg silently shows no box where `filename` is missing or
            # `difficult` is not a number
            annotation = replace(read_voc(folder / source), filename=f"{stem}.jpg")
            data = voc_text(annotation, frame.name, source).encode()
        except UnreadableLabelError as error:
            done.left_out.append((source, error.detail))
            continue
        except PipelineError as error:
            done.left_out.append((source, str(error)))
            continue
        (new / f"{stem}.xml").write_bytes(data)
        here = label_digest((folder / source).read_bytes())
        state.setdefault(source_name(target / f"{stem}.xml"), {})[source] = [label_digest(data), here]
        written.append(frame)
    done.labels = len(written)
    return written


def _write_images(
    images: Path, clips: Mapping[str, Clip], labelled: list[Frame], new: Path, done: Exported
) -> None:
    train = [
        Frame(name, number)
        for name, clip in clips.items()
        if clip.split == "train"
        for number in range(1, FRAMES + 1)
    ]
    for frame in dict.fromkeys([*train, *labelled]):
        source = images / frame_path(clips[frame.name], frame.number)
        try:
            data = source.read_bytes()
        except OSError as error:
            done.left_out.append((str(source), f"cannot be read ({error.strerror}); run `dvc repro frames`"))
            continue
        (new / f"{image_id(frame)}.jpg").write_bytes(data)
        done.images += 1
    if not done.images:
        raise PipelineError(f"{images}: holds none of the frames; run `dvc repro frames`.")
