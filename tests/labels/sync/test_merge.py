"""Merging labels from elsewhere: nothing that a person changed here is overwritten without being told."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.labels.sync.merge import IncomingLabel, Merge, Side, apply, merge
from pipeline.labels.sync.sync_state import UNTOLD, SyncState, digest
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.table import homes
from pipeline.labels.voc.voc_xml import Annotation, Box, voc_text
from pipeline.utils.errors import PipelineError
from tests.helpers.label_files import catalog, label

ONE, TWO = Frame("abc", 1), Frame("abc", 2)
PATH = "dog_barking/abc/abc_1.xml"


def _text(xmin: int = 21) -> bytes:
    box = Box("dog_barking", xmin, 30, 61, 70)
    return voc_text(Annotation(160, 120, (box,), "abc_1.jpg")).encode()


def _meet(folder: Path, xmin: int, record: SyncState, side: Side | None = None, source: str = "t") -> Merge:
    plan = merge(folder, {ONE: IncomingLabel(source, _text(xmin))}, homes(catalog()), record, side)
    apply(folder, plan)
    return plan


def test_new_ones_are_written_and_a_second_time_nothing(tmp_path: Path) -> None:
    plan = _meet(tmp_path / "voc", 21, {})
    assert list(plan.write) == [PATH] and (tmp_path / "voc" / PATH).read_bytes() == _text()
    again = _meet(tmp_path / "voc", 21, plan.record)
    assert (again.write, again.same, again.record) == ({}, 1, plan.record)


def test_changed_there_only(tmp_path: Path) -> None:
    record = _meet(tmp_path, 21, {}).record
    assert list(_meet(tmp_path, 25, record).write) == [PATH]
    assert (tmp_path / PATH).read_bytes() == _text(25)


@pytest.mark.parametrize("known", [True, False])
def test_changed_on_both_sides_waits_for_a_decision(tmp_path: Path, known: bool) -> None:
    record = _meet(tmp_path, 21, {}).record if known else {}
    (tmp_path / PATH).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / PATH).write_bytes(_text(30))
    plan = _meet(tmp_path, 25, record)
    assert plan.conflicts == [PATH] and not plan.write
    assert (tmp_path / PATH).read_bytes() == _text(30)
    assert _meet(tmp_path, 25, plan.record).conflicts == [PATH]  # it is told again

    ours = _meet(tmp_path, 25, plan.record, side="ours")
    assert (tmp_path / PATH).read_bytes() == _text(30)
    assert _meet(tmp_path, 25, ours.record).conflicts == []  # settled
    assert _meet(tmp_path, 26, ours.record).conflicts == [PATH]  # theirs changed since

    _meet(tmp_path, 26, ours.record, side="theirs")
    assert (tmp_path / PATH).read_bytes() == _text(26)


def test_changed_or_removed_here_only_is_kept_and_told(tmp_path: Path) -> None:
    record = _meet(tmp_path, 21, {}).record
    (tmp_path / PATH).write_bytes(_text(30))
    plan = _meet(tmp_path, 21, record)
    assert plan.ours_changed == [PATH] and (tmp_path / PATH).read_bytes() == _text(30)
    (tmp_path / PATH).unlink()
    assert _meet(tmp_path, 21, record).ours_changed == [PATH]
    assert not (tmp_path / PATH).exists()
    _meet(tmp_path, 21, record, side="theirs")
    assert (tmp_path / PATH).read_bytes() == _text(21)


def test_labelimg_saving_the_same_boxes_is_no_change(tmp_path: Path) -> None:
    record = _meet(tmp_path, 21, {}).record
    (tmp_path / PATH).write_bytes(_text(21).replace(b"<filename>", b"<path>C:\\x.jpg</path><filename>"))
    plan = _meet(tmp_path, 21, record)
    assert (plan.same, plan.conflicts, plan.ours_changed) == (1, [], [])
    assert list(_meet(tmp_path, 25, plan.record).write) == [PATH]


def test_a_label_keeps_its_place_and_others_their_files(tmp_path: Path) -> None:
    (tmp_path / "abc_1.xml").write_bytes(_text(21))
    label(tmp_path, "-def", 1, Box("helicopter", 1, 1, 9, 9))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to("notes.txt")
    plan = merge(
        tmp_path,
        {ONE: IncomingLabel("t", _text(25)), TWO: IncomingLabel("t", _text(7))},
        homes(catalog()),
        {},
        "theirs",
    )
    inode = (tmp_path / "notes.txt").stat().st_ino
    apply(tmp_path, plan, {"annotations.jsonl": b"{}\n"})
    assert (tmp_path / "abc_1.xml").read_bytes() == _text(25)
    assert not (tmp_path / PATH).exists()
    assert (tmp_path / "dog_barking/abc/abc_2.xml").read_bytes() == _text(7)
    assert (tmp_path / "notes.txt").stat().st_ino == inode  # not even copied
    assert (tmp_path / "link").is_symlink() and (tmp_path / "helicopter/-def/-def_1.xml").exists()


def test_what_one_source_says_is_no_change_of_another(tmp_path: Path) -> None:
    record = _meet(tmp_path, 21, {}, source="project").record
    plan = _meet(tmp_path, 40, record, source="file")
    assert plan.conflicts == [PATH]  # a file that someone else wrote, and nothing is known of this source
    record = _meet(tmp_path, 40, record, "theirs", source="file").record
    plan = _meet(tmp_path, 21, record, source="project")
    assert (plan.ours_changed, plan.write) == ([PATH], {})
    assert _meet(tmp_path, 22, record, source="project").conflicts == [PATH]
    assert list(_meet(tmp_path, 41, record, source="file").write) == [PATH]


def test_a_record_that_does_not_tell_sources_apart_loses_nothing(tmp_path: Path) -> None:
    _meet(tmp_path, 40, {})
    old: SyncState = {UNTOLD: {PATH: [digest(_text(40)), "?"]}}  # both were alike when it was written
    assert _meet(tmp_path, 21, old).conflicts == [PATH]
    settled: SyncState = {UNTOLD: {PATH: [digest(_text(21)), "?", "ours"]}}
    assert _meet(tmp_path, 21, settled, "theirs").same == 1
    assert (tmp_path / PATH).read_bytes() == _text(40)


def test_what_was_settled_stays_so_even_under_theirs(tmp_path: Path) -> None:
    record = _meet(tmp_path, 21, {}).record
    (tmp_path / PATH).write_bytes(_text(30))
    record = _meet(tmp_path, 21, record, "ours").record
    plan = _meet(tmp_path, 21, record, "theirs")
    assert (plan.same, plan.write, plan.replaced) == (1, {}, [])
    (tmp_path / PATH).write_bytes(_text(31))
    assert not _meet(tmp_path, 21, record, "theirs").write
    assert _meet(tmp_path, 22, record, "theirs").replaced == [PATH]  # they changed it since
    (tmp_path / PATH).unlink()
    assert list(_meet(tmp_path, 21, record, "theirs").write) == [PATH]  # removed: theirs has another chance


def test_replaced_are_only_files_that_were_changed_here(tmp_path: Path) -> None:
    assert _meet(tmp_path, 21, {}, "theirs").replaced == []
    record = _meet(tmp_path, 21, {}, "theirs").record
    assert _meet(tmp_path, 25, record, "theirs").replaced == []
    assert _meet(tmp_path, 26, record, "theirs").replaced == [PATH]  # the record knows of 21 alone


def test_what_a_source_no_longer_labels_is_told_and_stays(tmp_path: Path) -> None:
    record = _meet(tmp_path, 21, {}).record
    plan = merge(tmp_path, {}, homes(catalog()), record, whole={"t"})
    assert plan.gone == [PATH] and not plan.write
    assert merge(tmp_path, {}, homes(catalog()), record, whole={"other"}).gone == []
    assert merge(tmp_path, {}, homes(catalog()), record).gone == []
    (tmp_path / PATH).unlink()
    assert merge(tmp_path, {}, homes(catalog()), record, whole={"t"}).gone == []


def test_what_copying_meets_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _meet(tmp_path / "voc", 21, {})

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copy2", refuse)
    with pytest.raises(PipelineError, match=r"cannot be written \(Input/output error\); the labels"):
        apply(tmp_path / "voc", Merge(write={"x.xml": b"x"}))


def test_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no")

    _meet(tmp_path / "voc", 21, {})
    monkeypatch.setattr(os, "link", refuse)
    apply(tmp_path / "voc", Merge(write={"x.xml": b"x"}))
    assert (tmp_path / "voc" / PATH).read_bytes() == _text()


def test_a_full_disk_leaves_the_labels_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "voc"
    record = _meet(folder, 21, {}).record
    plan = merge(
        folder,
        {ONE: IncomingLabel("t", _text(25)), TWO: IncomingLabel("t", _text(7))},
        homes(catalog()),
        record,
    )
    real, calls = Path.write_bytes, []

    def full(path: Path, data: bytes) -> int:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PipelineError, match="No space left"):
        apply(folder, plan)
    assert (folder / PATH).read_bytes() == _text(21) and list(tmp_path.iterdir()) == [folder]
