"""Last-synced state of sources and labels, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.labels.sync.sync_state import last_synced, read_sync_state, write_sync_state
from pipeline.utils.errors import PipelineError


def test_it_comes_back_and_other_folders_stay(tmp_path: Path) -> None:
    file = tmp_path / "sync.json"
    assert read_sync_state(file, tmp_path / "a") == {}
    a = {"http://x/projects/1": {"abc_1.xml": ["1", "2"]}, "/e.json": {"abc_1.xml": ["3", "2", "ours"]}}
    write_sync_state(file, tmp_path / "a", a)
    write_sync_state(file, tmp_path / "b", {})
    assert read_sync_state(file, tmp_path / "a") == a and read_sync_state(file, tmp_path / "b") == {}
    assert last_synced(a, "/e.json", "abc_1.xml") == ["3", "2", "ours"]
    assert last_synced(a, "/other.json", "abc_1.xml") is None


def test_a_moved_checkout_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write_sync_state(tmp_path / "here/.ls/sync.json", tmp_path / "here/voc", {"t": {"abc_1.xml": ["1", "2"]}})
    (tmp_path / "here").rename(tmp_path / "there")
    state = read_sync_state(tmp_path / "there/.ls/sync.json", tmp_path / "there/voc")
    assert last_synced(state, "t", "abc_1.xml") == ["1", "2"]


@pytest.mark.parametrize("value", ["{", "[]", '{"here": 3}', '{"here": {"t": {"a": [1, 2]}}}'])
def test_what_is_not_a_state_is_named(tmp_path: Path, value: str) -> None:
    file = tmp_path / "sync.json"
    file.write_text(value.replace("here", "."))
    with pytest.raises(PipelineError, match=r"sync\.json: is not a state of synced labels"):
        read_sync_state(file, tmp_path)
