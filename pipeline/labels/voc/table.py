"""A folder of VOC XML -> one checked table, one row a box, and the list of what was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.categories import FRAMES
from pipeline.labels.voc.folder_transaction import interrupted_swap_exists
from pipeline.labels.voc.label_index import place_files
from pipeline.labels.voc.label_paths import ClipInfo, Frame, label_path, locate
from pipeline.labels.voc.mask_boxes import mask_iou
from pipeline.labels.voc.rules import Limits, judge, problems_table
from pipeline.labels.voc.voc_xml import Annotation, UnreadableLabelError, read_many
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import refuse_linked_folders
from pipeline.utils.parallel import Workers
from pipeline.utils.progress import Track, no_progress

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
_CHUNK = 500  # files a task: a process is dearer than a file
_ONE_PROCESS = 30_000  # files that one process reads before others would have started (2 s)


@dataclass(frozen=True)
class LabelFolder:
    """What a label folder holds, before any rule.

    files: one row a readable file with a frame: source, name, frame, category (the clip's), annotator,
        boxes (how many). boxes: one row a box, with `COLUMNS` and clip_category. problems: (file, kind,
        detail).
    """

    files: pd.DataFrame
    boxes: pd.DataFrame
    problems: list[tuple[str, str, str]]


def read_labels(
    folder: Path,
    catalog: pd.DataFrame,
    *,
    limits: Limits = Limits(),
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read and check all labels under `folder`.

    Returns: the boxes fit to train on, in the catalogue's order (`COLUMNS`; int64 and str; one box a frame
        for clips with one category), and the problems: file, level (error or warning), kind (see
        `rules.KINDS`), detail.

    A folder that labels no train clip gives an empty table: not every variant learns from boxes.

    Raises `PipelineError` if there is no such folder, or labels in it and not one that is usable.
    """
    drawn = read_folder(folder, catalog, jobs=jobs, backend=backend, track=track)
    boxes, problems = check(drawn, catalog, limits)
    if boxes.empty and (problems["level"] == "error").any():
        errors = problems[problems["level"] == "error"]
        shown = "".join(f"\n  {row.file}: {row.detail}" for row in errors.head(5).itertuples())
        raise PipelineError(f"{folder}: holds no usable box; `avs labels check` lists why." + shown)
    return boxes, problems


def check(
    drawn: LabelFolder, catalog: pd.DataFrame, limits: Limits = Limits()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge drawn boxes by all rules; see `read_labels`, but an empty table is no error."""
    agreement, bad_masks = mask_iou(drawn.boxes, _mask_files(catalog))
    boxes, judged = judge(drawn.boxes.assign(mask_iou=agreement), limits)
    more = problems_table([*drawn.problems, *bad_masks, *_missing(drawn, catalog)])
    problems = pd.concat([judged, more]).sort_values(["file", "kind", "detail"], kind="stable")
    return boxes[list(COLUMNS)], problems.reset_index(drop=True)


def read_folder(
    folder: Path, catalog: pd.DataFrame, *, jobs: int = -1, backend: str = "loky", track: Track = no_progress
) -> LabelFolder:
    """Read the file of every labelled frame of a train clip; see `folder.place_files`."""
    if not folder.is_dir() and interrupted_swap_exists(folder):
        raise PipelineError(
            f"{folder}: a pull or import was killed at the last step; `avs labels check` puts them back."
        )
    if not folder.is_dir():
        raise PipelineError(
            f"{folder}: no such folder of labels; set labels.dir in params.yaml, or make it with "
            "`avs labels pull` or `avs labels import`."
        )
    refuse_linked_folders(folder.resolve())
    clips = homes(catalog)
    found = place_files(folder, clips)
    problems = list(found.problems)
    placed = [(source, frame) for frame, source in found.files.items() if clips[frame.name].split == "train"]
    contents = _read_all(folder, [source for source, _ in placed], jobs, backend, track)
    files, boxes = [], []
    order = {name: number for number, name in enumerate(catalog["name"])}
    for (source, frame), content in sorted(
        zip(placed, contents, strict=True), key=lambda item: (order[item[0][1].name], item[0][1].number)
    ):
        if isinstance(content, UnreadableLabelError):
            problems.append((source, content.kind, content.detail))
            continue
        home = clips[frame.name]
        files.append((source, *frame, home.category, content.annotator, len(content.boxes)))
        size = (content.width, content.height, source, content.annotator, home.category)
        boxes += [(*frame, b.category, b.xmin, b.ymin, b.xmax, b.ymax, *size) for b in content.boxes]
    return LabelFolder(
        _frame(files, ("source", "name", "frame", "category", "annotator", "boxes")),
        _frame(boxes, (*COLUMNS, "clip_category")),
        problems,
    )


def homes(catalog: pd.DataFrame) -> dict[str, ClipInfo]:
    """Clip -> its category and split."""
    columns = (catalog[column].tolist() for column in ("name", "category", "split"))
    return {name: ClipInfo(category, split) for name, category, split in zip(*columns, strict=True)}


def _read_all(
    folder: Path, sources: list[str], jobs: int, backend: str, track: Track
) -> list[Annotation | UnreadableLabelError]:
    chunks = [sources[start : start + _CHUNK] for start in range(0, len(sources), _CHUNK)]
    few = len(sources) <= _ONE_PROCESS
    workers = Workers(1 if few else jobs, backend, track)
    read = workers.map(partial(read_many, folder), chunks, "label files")
    return list(chain.from_iterable(read))


def _missing(drawn: LabelFolder, catalog: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Frames of train clips that no file labels, not even one that cannot be read."""
    there = set(zip(drawn.files["name"], drawn.files["frame"], strict=True))
    clips = homes(catalog)
    for source, _, _ in drawn.problems:
        place = locate(source, clips)
        if isinstance(place, Frame):
            there.add(place)
    wanted = (
        (Frame(name, number), category)
        for name, category, split in zip(catalog["name"], catalog["category"], catalog["split"], strict=True)
        if split == "train"
        for number in range(1, FRAMES + 1)
    )
    return [
        (label_path(frame, category), "missing", "is not there: the frame is not labelled yet.")
        for frame, category in wanted
        if frame not in there
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
