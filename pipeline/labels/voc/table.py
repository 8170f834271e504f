"""Label table: a folder of VOC XML, read and checked, as one row a box and a list of problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.catalog import clips_by_name
from pipeline.data.clip import FRAMES
from pipeline.labels.voc.folder_transaction import interrupted_swap_exists
from pipeline.labels.voc.label_index import index_labels
from pipeline.labels.voc.label_paths import Frame, label_path, locate
from pipeline.labels.voc.mask_boxes import mask_iou
from pipeline.labels.voc.rules import judge, problems_table
from pipeline.labels.voc.voc_xml import Annotation, UnreadableLabelError, read_many
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import refuse_linked_folders
from pipeline.utils.parallel import ALL_CORES, Workers

COLUMNS = (
    "name",
    "frame",
    "category",
    "xmin",
    "ymin",
    "xmax",
    "ymax",
    "width",
    "height",
    "source",
    "annotator",
)
REVIEW_COLUMNS = ("category", "name", "frame", "xmin", "ymin", "xmax", "ymax", "width", "height", "annotator")
_NUMBERS = ("frame", "xmin", "ymin", "xmax", "ymax", "width", "height")
_CHUNK = 500  # files a task: starting a task costs more than reading a file
_ONE_PROCESS = 30_000  # files that one process reads before others would have started (2 s)


@dataclass(frozen=True)
class LabelFolder:
    """What a label folder holds, before any rule.

    Attributes:
        files: one row a readable file with a frame: source, name, frame, category (the clip's), annotator,
            boxes (how many).
        boxes: one row a box, with `COLUMNS` and clip_category.
        problems: (file, kind, detail).
    """

    files: pd.DataFrame
    boxes: pd.DataFrame
    problems: list[tuple[str, str, str]]


def read_labels(
    folder: Path,
    catalog: pd.DataFrame,
    classes: Sequence[str],
    *,
    workers: Workers = ALL_CORES,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read and check all labels under `folder`.

    A folder that labels no train clip gives an empty table: not every variant learns from boxes.

    Args:
        folder: the label folder.
        catalog: the clip catalogue.
        classes: the categories that boxes may have; see `classes.classes_of`.
        workers: that share out the files.

    Returns:
        The boxes fit to train on, in the catalogue's order (`COLUMNS`; int64 and str; one box a frame for
        clips with one category), and the problems: file, level (error or warning), kind (see
        `rules.KINDS`), detail.

    Raises:
        PipelineError: there is no such folder, or labels in it and not one that is usable.
    """
    labels = read_folder(folder, catalog, workers=workers)
    boxes, problems = check(labels, catalog, classes)
    if boxes.empty and (problems["level"] == "error").any():
        errors = problems[problems["level"] == "error"]
        shown = "".join(f"\n  {row.file}: {row.detail}" for row in errors.head(5).itertuples())
        raise PipelineError(f"{folder}: holds no usable box; `avs labels check` lists why." + shown)
    return boxes, problems


def check(
    labels: LabelFolder, catalog: pd.DataFrame, classes: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply all rules to a label folder; see `read_labels`, but an empty table is no error."""
    agreement, bad_masks = mask_iou(labels.boxes, _mask_files(catalog))
    boxes, judged = judge(labels.boxes.assign(mask_iou=agreement), classes)
    more = problems_table([*labels.problems, *bad_masks, *_missing(labels, catalog)])
    problems = pd.concat([judged, more]).sort_values(["file", "kind", "detail"], kind="stable")
    return boxes[list(COLUMNS)], problems.reset_index(drop=True)


def read_folder(folder: Path, catalog: pd.DataFrame, *, workers: Workers = ALL_CORES) -> LabelFolder:
    """Read the file of every labelled frame of a train clip; see `label_index.index_labels`.

    Raises:
        PipelineError: there is no such folder, or one in it is a link.
    """
    if not folder.is_dir() and interrupted_swap_exists(folder):
        raise PipelineError(
            f"{folder}: a pull or import was killed at its last step; `avs labels check` restores the labels."
        )
    if not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder of labels; set labels.dir in params.yaml, or make it with "
            "`avs labels pull` or `avs labels import`."
        )
    refuse_linked_folders(folder.resolve())
    clips = clips_by_name(catalog)
    index = index_labels(folder, clips)
    problems = list(index.problems)
    wanted = [(source, frame) for frame, source in index.files.items() if clips[frame.name].split == "train"]
    contents = _read_all(folder, [source for source, _ in wanted], workers)
    files, boxes = [], []
    order = {name: number for number, name in enumerate(catalog["name"])}
    for (source, frame), content in sorted(
        zip(wanted, contents, strict=True), key=lambda item: (order[item[0][1].name], item[0][1].number)
    ):
        if isinstance(content, UnreadableLabelError):
            problems.append((source, content.kind, content.detail))
            continue
        category = clips[frame.name].category
        files.append((source, *frame, category, content.annotator, len(content.boxes)))
        size = (content.width, content.height, source, content.annotator, category)
        boxes += [(*frame, box.category, *box.corners, *size) for box in content.boxes]
    return LabelFolder(
        _frame(files, ("source", "name", "frame", "category", "annotator", "boxes")),
        _frame(boxes, (*COLUMNS, "clip_category")),
        problems,
    )


def _read_all(folder: Path, sources: list[str], workers: Workers) -> list[Annotation | UnreadableLabelError]:
    chunks = [sources[start : start + _CHUNK] for start in range(0, len(sources), _CHUNK)]
    if len(sources) <= _ONE_PROCESS:
        workers = replace(workers, jobs=1)
    return list(chain.from_iterable(workers.map(partial(read_many, folder), chunks, "label files")))


def _missing(labels: LabelFolder, catalog: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Frames of train clips that no file labels, not even one that cannot be read."""
    clips = clips_by_name(catalog)
    labelled = set(zip(labels.files["name"], labels.files["frame"], strict=True))
    for source, _, _ in labels.problems:
        frame = locate(source, clips)
        if isinstance(frame, Frame):
            labelled.add(frame)
    wanted = (
        (Frame(name, number), clip.category)
        for name, clip in clips.items()
        if clip.split == "train"
        for number in range(1, FRAMES + 1)
    )
    return [
        (label_path(frame, category), "missing", "is missing: the frame is not labelled yet.")
        for frame, category in wanted
        if frame not in labelled
    ]


def _mask_files(catalog: pd.DataFrame) -> dict[tuple[str, int], str]:
    return {
        (name, number): path
        for name, paths in zip(catalog["name"], catalog["masks"], strict=True)
        for number, path in enumerate(paths, start=1)
        if path is not None
    }


def _frame(rows: list[tuple], columns: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns), dtype=object)
    numbers = {column: np.int64 for column in columns if column in (*_NUMBERS, "boxes")}
    return table.astype(numbers)
