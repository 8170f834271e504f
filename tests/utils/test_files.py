from __future__ import annotations

import errno

import pytest

from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder, atomic_path, digest, read_json, write_json


def test_an_error_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_named_with_the_file_that_was_to_be_written(tmp_path):
    with pytest.raises(OSError) as full, atomic_path(tmp_path / "a.pt"):
        raise OSError(errno.ENOSPC, "No space left on device")  # as a write through an open file
    assert full.value.filename == str(tmp_path / "a.pt")
    with pytest.raises(OSError) as other, atomic_path(tmp_path / "a.pt"):
        raise OSError(errno.EIO, "Input/output error")  # perhaps of another file, which the block reads
    assert other.value.filename is None


def test_a_folder_is_swapped_whole(tmp_path):
    target = tmp_path / "out"
    for content in ("one", "two"):
        with atomic_folder(target) as folder:
            (folder / content).write_text(content)
    assert [p.name for p in target.iterdir()] == ["two"]
    with pytest.raises(RuntimeError), atomic_folder(target) as folder:
        (folder / "three").write_text("3")
        raise RuntimeError
    assert [p.name for p in target.iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_json_refuses_nan_and_names_what_it_cannot_read(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(PipelineError, match=r"b\.json: is not JSON"):
        read_json(tmp_path / "b.json")
    with pytest.raises(PipelineError, match=r"c\.json: no such file; run the stage"):
        read_json(tmp_path / "c.json")
    for name in ("b.json", "c.json"):
        with pytest.raises(PipelineError, match=rf"{name}: .*; .*make it with `x`\.$"):
            read_json(tmp_path / name, advice="make it with `x`")


def test_the_digest_sees_names_and_bytes(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    first = digest([folder])
    assert digest([folder]) == first
    (folder / "a").write_bytes(b"2")
    second = digest([folder])
    (folder / "a").rename(folder / "b")
    assert len({first, second, digest([folder])}) == 3


def test_the_digest_passes_over_pythons_caches(tmp_path):
    (tmp_path / "d/__pycache__").mkdir(parents=True)
    (tmp_path / "d/a.py").write_bytes(b"1")
    first = digest([tmp_path / "d"])
    (tmp_path / "d/__pycache__/a.cpython-311.pyc").write_bytes(b"dated")
    assert digest([tmp_path / "d"]) == first


def test_a_folder_is_no_target_for_a_file(tmp_path):
    with pytest.raises(PipelineError, match="is a folder; name a file"):
        write_json(tmp_path, {})
    assert not list(tmp_path.iterdir())
