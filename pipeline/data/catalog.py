"""Clip catalogue: one Parquet table with a row a clip; the row number is the clip's number everywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.data.categories import category_problem
from pipeline.data.clip import FRAMES, SPLITS, Clip
from pipeline.data.media import check_video
from pipeline.data.readers import ms3, s4
from pipeline.data.readers.assemble import Found, Prefer
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_path, refuse_linked_folders
from pipeline.utils.parallel import ALL_CORES, Workers

COLUMNS: tuple[str, ...] = Clip._fields
_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("category", pa.string()),
        ("split", pa.string()),
        ("start", pa.int64()),
        ("video", pa.string()),
        ("audio", pa.string()),
        ("frames", pa.list_(pa.string())),
        ("masks", pa.list_(pa.string())),
        ("silent_category", pa.string()),
        ("silent_masks", pa.list_(pa.string())),
        ("silent_audio", pa.string()),
    ]
)


def find_clips(source: Literal["demo", "s4", "ms3"], root: Path, prefer: Prefer = "videos") -> Found:
    """Read the layout under `root`; the demo has S4's or MS3's layout, whichever table it has.

    Raises:
        PipelineError: the metadata table is missing or wrong, or a folder is a link.
    """
    if source == "demo":
        source = "ms3" if (root / ms3.TABLE).is_file() else "s4"
    refuse_linked_folders(root / (s4.TABLE if source == "s4" else ms3.TABLE).parts[0])
    return s4.read_s4(root, prefer) if source == "s4" else ms3.read_ms3(root, prefer)


def build_catalog(
    source: Literal["demo", "s4", "ms3"], root: Path, prefer: Prefer = "videos"
) -> pd.DataFrame:
    """The catalogue of all clips under `root`, validated and sorted (train, val, test; category; name).

    Args:
        source: the layout.
        root: the folder that holds `Single-source/` or `Multi-sources/`.
        prefer: `videos`, or `frames` for the distributed frames and sounds, where a clip has both.

    Raises:
        PipelineError: files are missing; it names 20 of them at most.
    """
    found = find_clips(source, root, prefer)
    if found.problems:
        lines = [f"  {problem.clip}: {problem.text}" for problem in found.problems[:20]]
        if len(found.problems) > 20:
            lines.append(f"  ... and {len(found.problems) - 20} more")
        count = len({problem.clip for problem in found.problems})
        raise PipelineError(
            f"{root}: {count} of {len(found.clips)} clips are not complete "
            "(`avs doctor data` counts them by kind):\n" + "\n".join(lines)
        )
    return to_frame(found.clips)


def check_videos(catalog: pd.DataFrame, *, workers: Workers = ALL_CORES) -> None:
    """Open every video that will be read.

    Milliseconds a clip, so that a broken file shows now and not after an hour of decoding.

    Raises:
        PipelineError: names all videos that are damaged or have no sound.
    """
    paths = [
        Path(clip.video)
        for clip in clips_of(catalog)
        if clip.video is not None and (clip.frames is None or clip.audio is None)
    ]
    workers.map(check_video, paths, "videos to check")


def to_frame(clips: Sequence[Clip]) -> pd.DataFrame:
    """Clips as a sorted catalogue table.

    Raises:
        PipelineError: clips that no catalogue may hold, such as two of one name.
    """
    _check(clips)
    ordered = sorted(clips, key=lambda clip: (SPLITS.index(clip.split), clip.category, clip.name))
    # object columns: pandas' own string type would turn None into NaN
    columns: dict[str, Any] = {
        column: pd.Series(
            [getattr(clip, column) for clip in ordered], dtype="int64" if column == "start" else object
        )
        for column in COLUMNS
    }
    return pd.DataFrame(columns)


def clips_of(catalog: pd.DataFrame) -> list[Clip]:
    """The catalogue's rows as `Clip`s, in its order."""
    return [Clip(*row) for row in catalog[list(COLUMNS)].itertuples(index=False)]


def clips_by_name(catalog: pd.DataFrame) -> dict[str, Clip]:
    """Clip name -> clip, in the catalogue's order."""
    return {clip.name: clip for clip in clips_of(catalog)}


def write_catalog(path: Path, catalog: pd.DataFrame) -> None:
    """Write the table as Parquet, atomically."""
    clips = clips_of(catalog)
    table = pa.table(
        {column: [getattr(clip, column) for clip in clips] for column in COLUMNS}, schema=_SCHEMA
    )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def read_catalog(path: Path) -> pd.DataFrame:
    """Read and validate a catalogue; absent values are None, lists are lists.

    Raises:
        PipelineError: names the file.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; run `dvc repro clips`.") from None
    except (OSError, pa.ArrowException) as error:
        raise PipelineError(
            f"{path}: is not a Parquet table ({error}); `dvc repro clips` makes one."
        ) from error
    if tuple(table.column_names) != COLUMNS:
        raise PipelineError(
            f"{path}: columns are {table.column_names}, not {list(COLUMNS)}; run `dvc repro clips`."
        )
    try:
        return to_frame([Clip(**row) for row in table.to_pylist()])
    except PipelineError as error:
        raise PipelineError(f"{path}: {error}") from None


def digest_of(catalog: pd.DataFrame, *columns: str) -> str:
    """SHA-256 over these columns of text, row by row."""
    return hashlib.sha256(json.dumps(catalog[list(columns)].to_numpy().tolist()).encode()).hexdigest()


def rows_of(catalog: pd.DataFrame, split: str) -> NDArray[np.int64]:
    """The row numbers of one split: (n,)."""
    return np.flatnonzero(catalog["split"].to_numpy() == split)


def _check(clips: Sequence[Clip]) -> None:
    problems = []
    seen: set[str] = set()
    for clip in clips:
        if clip.name in seen:
            problems.append(f"{clip.name}: duplicate clip name")
        seen.add(clip.name)
        if clip.split not in SPLITS:
            problems.append(f"{clip.name}: unknown split {clip.split!r}; known are {', '.join(SPLITS)}")
        if clip.category and (problem := category_problem(clip.category)):
            problems.append(f"{clip.name}: category {clip.category!r} {problem}")
        if clip.video is None and (clip.frames is None or clip.audio is None):
            problems.append(f"{clip.name}: has neither a video nor both frames and sound")
        for column in ("frames", "masks", "silent_masks"):
            paths = getattr(clip, column)
            if paths is not None and len(paths) != FRAMES:
                problems.append(f"{clip.name}: {len(paths)} {column}, not {FRAMES}")
    if problems:
        more = [f"... and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise PipelineError(
            "the catalogue is wrong:\n" + "\n".join(f"  {line}" for line in problems[:20] + more)
        )
    if not clips:
        raise PipelineError("the catalogue is empty.")
