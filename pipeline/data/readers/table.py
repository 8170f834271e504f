"""AVSBench's metadata tables: CSV files with a fixed order of columns, with or without a header."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.data.categories import category_problem
from pipeline.data.clip import SPLITS
from pipeline.utils.errors import PipelineError

# header spellings of each column, by which a header is recognised: lower case, letters only
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "name": (
        "name",
        "video",
        "videoname",
        "videoid",
        "clip",
        "clipname",
        "clipid",
        "id",
        "filename",
        "vid",
        "ytid",
        "youtubeid",
    ),
    "start": ("start", "startsecond", "startseconds", "starttime", "begin", "second"),
    "category": ("category", "class", "label", "classname", "categoryname"),
    "split": ("split", "set", "subset", "partition"),
}
S4_COLUMNS = ("name", "start", "category", "split")
MS3_COLUMNS = ("name", "split")
SILENT_COLUMNS = ("name", "category")


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a metadata CSV as dictionaries with the keys `columns`, values stripped.

    Commas, semicolons or tabs separate the columns, which are in the order given unless a header names them
    all in another order. Names come in Unicode's composed form (NFC); those that begin with `-` are ordinary.

    Args:
        path: the CSV file: UTF-8, or UTF-16 with its byte order mark, as spreadsheets write it.
        columns: `S4_COLUMNS`, `MS3_COLUMNS` or `SILENT_COLUMNS`.

    Raises:
        PipelineError: names the file and every line that is wrong (20 at most).
    """
    try:
        text = _text(path.read_bytes())
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, len(columns)))
        lines = [(number, [cell.strip() for cell in row]) for number, row in enumerate(reader, 1)]
    except FileNotFoundError:
        raise PipelineError(
            f"{path}: no such file; data.root must be the folder that holds Single-source/ or Multi-sources/."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PipelineError(f"{path}: is not a CSV table; save it as CSV in UTF-8 ({error}).") from error
    lines = [(number, cells) for number, cells in lines if any(cells)]
    order = list(range(len(columns)))
    if lines and _is_header(lines[0][1], columns):
        order = _order(lines[0][1], columns)
        lines = lines[1:]
    rows, problems = [], []
    for number, cells in lines:
        if len(cells) <= max(order):
            problems.append(f"line {number}: {len(cells)} columns where {', '.join(columns)} are needed")
            continue
        row = {column: cells[place] for column, place in zip(columns, order, strict=True)}
        row["name"] = unicodedata.normalize("NFC", row["name"])
        problem = _problem(row)
        if problem:
            problems.append(f"line {number}: {problem}")
        rows.append(row)
    names = Counter(row["name"] for row in rows)
    problems += [f"{name}: {times} rows; a clip has one" for name, times in names.items() if times > 1]
    if problems:
        more = [f"... and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise PipelineError(f"{path}:\n" + "\n".join(f"  {line}" for line in problems[:20] + more))
    if not rows:
        raise PipelineError(f"{path}: lists no clip.")
    return rows


def _text(data: bytes) -> str:
    """The text of a table; UTF-16 is known by its byte order mark alone."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if marked else "utf-8-sig")
    if "\0" in text:
        raise csv.Error("it holds zero bytes, as UTF-16 without a byte order mark does")
    return text


def _delimiter(text: str, columns: int) -> str:
    """A comma, unless the first line has enough columns only by semicolons or by tabs."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    counts = {one: len(next(csv.reader([first], delimiter=one))) for one in ",;\t"}
    return next((one for one, count in counts.items() if count >= columns), ",")


def _spelling(cell: str) -> str | None:
    letters = re.sub(r"[^a-z]", "", cell.lower())
    return next((column for column, known in _SPELLINGS.items() if letters in known), None)


def _is_header(cells: list[str], columns: Sequence[str]) -> bool:
    """Whether a cell, other than the name's, is a column's name. A category may be one, next to a split."""
    return any(_spelling(cell) in columns for cell in cells[1:]) and not set(cells) & set(SPLITS)


def _order(header: list[str], columns: Sequence[str]) -> list[int]:
    found = [_spelling(cell) for cell in header]
    if all(found.count(column) == 1 for column in columns):
        return [found.index(column) for column in columns]
    return list(range(len(columns)))


def _problem(row: Mapping[str, str]) -> str:
    """What is wrong with one row, '' if nothing; columns that the table does not have are not checked."""
    name = row["name"]
    if not name or name in {".", ".."} or re.search(r"[/\\\0]", name):
        return f"{name!r} is not a clip's name"
    if "split" in row and row["split"] not in SPLITS:
        return f"clip {name}: unknown split {row['split']!r}; known are {', '.join(SPLITS)}"
    if "category" in row and (problem := category_problem(row["category"])):
        return f"clip {name}: category {row['category']!r} {problem}; rename it"
    if "start" in row and _second(row["start"]) is None:
        return f"clip {name}: start {row['start']!r} is not a whole number of seconds"
    return ""


def _second(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if math.isfinite(value) and value >= 0 and value == int(value) else None


def second(text: str) -> int:
    """A start second that `read_table` has accepted, as an integer."""
    value = _second(text)
    assert value is not None
    return value
