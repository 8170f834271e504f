"""How sources and labels last met, on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.labels.sync.sync_state import last_synced, read_sync_state, write_sync_state
from pipeline.utils.errors import PipelineError


def test_it_comes_back_and_other_folders_stay(tmp_path: Path) -> None:
    file = tmp_path / "met.json"
    assert read_sync_state(file, tmp_path / "a") == {}
    a = {"http://x/projects/1": {"abc_1.xml": ["1", "2"]}, "/e.json": {"abc_1.xml": ["3", "2", "ours"]}}
    write_sync_state(file, tmp_path / "a", a)
    write_sync_state(file, tmp_path / "b", {})
    assert read_sync_state(file, tmp_path / "a") == a and read_sync_state(file, tmp_path / "b") == {}
    assert last_synced(a, "/e.json", "abc_1.xml") == ["3", "2", "ours"]
    assert last_synced(a, "/other.json", "abc_1.xml") is None


def test_a_moved_checkout_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write_sync_state(tmp_path / "here/.ls/met.json", tmp_path / "here/voc", {"t": {"abc_1.xml": ["1", "2"]}})
    (tmp_path / "here").rename(tmp_path / "there")
    record = read_sync_state(tmp_path / "there/.ls/met.json", tmp_path / "there/voc")
    assert last_synced(record, "t", "abc_1.xml") == ["1", "2"]


def test_one_that_does_not_tell_sources_apart_never_lets_a_file_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "met.json"
    file.write_text(json.dumps({str(tmp_path): {"a_1.xml": ["1", "2"], "a_2.xml": ["3", "4", "ours"]}}))
    record = read_sync_state(file, tmp_path)
    assert last_synced(record, "anyone", "a_1.xml") == ["1", "?"]
    assert last_synced(record, "anyone", "a_2.xml") == ["3", "?", "ours"]
    write_sync_state(file, tmp_path, {**record, "t": {"a_1.xml": ["5", "5"]}})
    assert last_synced(read_sync_state(file, tmp_path), "t", "a_1.xml") == ["5", "5"]
    assert last_synced(read_sync_state(file, tmp_path), "anyone", "a_1.xml") == ["1", "?"]


@pytest.mark.parametrize("value", ["{", "[]", '{"here": 3}', '{"here": {"t": {"a": [1, 2]}}}'])
def test_what_is_no_record_is_named(tmp_path: Path, value: str) -> None:
    file = tmp_path / "met.json"
    file.write_text(value.replace("here", str(tmp_path)))
    with pytest.raises(PipelineError, match=r"met\.json: is no record"):
        read_sync_state(file, tmp_path)
