from __future__ import annotations

import csv
import io
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.clip import SPLITS
from pipeline.data.readers.table import MS3_COLUMNS, S4_COLUMNS, read_table, second
from pipeline.utils.errors import PipelineError

GOOD = "-ab,6,cat_meowing,train"


def _write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "s4_meta_data.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "header",
    [
        "",
        "name,start,category,split\n",
        "name,start second,category,split\n",
        "video_name,Start_Second,Class,Split\r\n",
        "vid,begin,label,set\n",
        "\ufeffname,start,category,split\n",
        "\ufeff",
        "a,b,c,split\n",
    ],
)
def test_header_is_told_from_clips(tmp_path: Path, header: str) -> None:
    rows = read_table(_write(tmp_path, header + GOOD + "\n\n"), S4_COLUMNS)
    assert rows == [{"name": "-ab", "start": "6", "category": "cat_meowing", "split": "train"}]


def test_header_in_another_order_is_followed(tmp_path: Path) -> None:
    path = _write(tmp_path, "split,name,category,start\ntest,x, cat_meowing ,3\n")
    assert read_table(path, S4_COLUMNS) == [
        {"name": "x", "start": "3", "category": "cat_meowing", "split": "test"}
    ]


def test_ms3_table(tmp_path: Path) -> None:
    path = _write(tmp_path, "video_id,split\n-x_1,train\ny,val\n")
    assert read_table(path, MS3_COLUMNS) == [
        {"name": "-x_1", "split": "train"},
        {"name": "y", "split": "val"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,0,cat_meowing,trian\n" + GOOD, r"line 1: clip x: unknown split 'trian'"),
        (GOOD + "\nx,0,cats/tabby,train", r"line 2: clip x: category 'cats/tabby' has a slash; rename it"),
        (GOOD + "\nx,0,,val", r"line 2: clip x: category '' is empty"),
        (GOOD + "\nx,zero,cat_meowing,val", r"line 2: clip x: start 'zero' is not a whole number"),
        (GOOD + "\nx,-1,cat_meowing,val", r"start '-1' is not"),
        (GOOD + "\nx,nan,cat_meowing,val", r"start 'nan' is not"),
        (GOOD + "\n" + GOOD, r"-ab: 2 rows; a clip has one"),
        (GOOD + "\n../x,0,cat_meowing,val", r"'../x' is not a clip's name"),
        (GOOD + "\n,0,cat_meowing,val", r"'' is not a clip's name"),
        (GOOD + "\nx,0,val", r"line 2: 3 columns where name, start, category, split are needed"),
        ("", "lists no clip"),
        ("name,start,category,split\n", "lists no clip"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message) as error:
        read_table(_write(tmp_path, text), S4_COLUMNS)
    assert "s4_meta_data.csv" in str(error.value)


def test_all_wrong_rows_are_named_at_once_twenty_at_most(tmp_path: Path) -> None:
    text = "".join(f"clip{number},0,cat_meowing,nowhere\n" for number in range(30))
    with pytest.raises(PipelineError) as error:
        read_table(_write(tmp_path, text), S4_COLUMNS)
    assert str(error.value).count("unknown split") == 20
    assert "... and 10 more" in str(error.value)


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"no such file; data\.root must be"):
        read_table(tmp_path / "s4_meta_data.csv", S4_COLUMNS)
    with pytest.raises(PipelineError, match="is not a CSV table; save it as CSV in UTF-8"):
        read_table(_write(tmp_path, GOOD + "é", "latin-1"), S4_COLUMNS)
    with pytest.raises(PipelineError, match="UTF-16 without a byte order mark"):
        read_table(_write(tmp_path, GOOD, "utf-16-le"), S4_COLUMNS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("header", ["", "name,start,category,split\r\n"])
def test_what_spreadsheets_save_is_read(tmp_path: Path, delimiter: str, encoding: str, header: str) -> None:
    text = (header + GOOD + "\r\nz,0,dog_barking,test\r\n").replace(",", delimiter)
    rows = read_table(_write(tmp_path, text, encoding), S4_COLUMNS)
    assert [tuple(row.values()) for row in rows] == [
        ("-ab", "6", "cat_meowing", "train"),
        ("z", "0", "dog_barking", "test"),
    ]


def test_two_spellings_of_a_name_are_one_clip(tmp_path: Path) -> None:
    text = "caf\u00e9,train\ncafe\u0301,val\n"
    with pytest.raises(PipelineError, match="caf\u00e9: 2 rows"):
        read_table(_write(tmp_path, text), MS3_COLUMNS)


_NAMES = st.text(string.ascii_letters + string.digits + "-_ ,\"'é", min_size=1).map(str.strip).filter(bool)
_CATEGORIES = ("cat_meowing", "犬", "brown bear", "a,b", "class")  # the last is a column's name too
_ROWS = st.lists(
    st.tuples(_NAMES, st.integers(0, 10_000), st.sampled_from(_CATEGORIES), st.sampled_from(SPLITS)),
    min_size=1,
    unique_by=lambda row: row[0],
)


@given(_ROWS, st.booleans())
def test_whatever_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list, header: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(S4_COLUMNS)
    writer.writerows(rows)
    found = read_table(_write(tmp_path_factory.mktemp("table"), text.getvalue()), S4_COLUMNS)
    assert [(row["name"], second(row["start"]), row["category"], row["split"]) for row in found] == rows


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "t.csv"
    path.write_bytes(content)
    try:
        rows = read_table(path, MS3_COLUMNS)
    except PipelineError as error:
        assert "t.csv" in str(error)
    else:
        assert all(row["split"] in SPLITS and row["name"] for row in rows)
