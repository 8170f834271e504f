"""Merging labels from elsewhere: nothing that a person changed here is overwritten without being told."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.data.catalog import clips_by_name
from pipeline.labels.sync.merge import IncomingLabel, Merge, Side, apply, merge
from pipeline.labels.sync.sync_state import SyncState
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.voc_xml import Annotation, Box, voc_text
from pipeline.utils.errors import PipelineError
from tests.helpers.label_files import catalog, label

ONE, TWO = Frame("abc", 1), Frame("abc", 2)
PATH = "dog_barking/abc/abc_1.xml"


def _text(xmin: int = 21) -> bytes:
    box = Box("dog_barking", xmin, 30, 61, 70)
    return voc_text(Annotation(160, 120, (box,), "abc_1.jpg")).encode()


def _sync(folder: Path, xmin: int, state: SyncState, side: Side | None = None, source: str = "t") -> Merge:
    plan = merge(folder, {ONE: IncomingLabel(source, _text(xmin))}, clips_by_name(catalog()), state, side)
    apply(folder, plan)
    return plan


def test_new_ones_are_written_and_a_second_time_nothing(tmp_path: Path) -> None:
    plan = _sync(tmp_path / "voc", 21, {})
    assert list(plan.write) == [PATH] and (tmp_path / "voc" / PATH).read_bytes() == _text()
    again = _sync(tmp_path / "voc", 21, plan.state)
    assert (again.write, again.same, again.state) == ({}, 1, plan.state)


def test_changed_there_only(tmp_path: Path) -> None:
    state = _sync(tmp_path, 21, {}).state
    assert list(_sync(tmp_path, 25, state).write) == [PATH]
    assert (tmp_path / PATH).read_bytes() == _text(25)


@pytest.mark.parametrize("known", [True, False])
def test_changed_on_both_sides_waits_for_a_decision(tmp_path: Path, known: bool) -> None:
    state = _sync(tmp_path, 21, {}).state if known else {}
    (tmp_path / PATH).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / PATH).write_bytes(_text(30))
    plan = _sync(tmp_path, 25, state)
    assert plan.conflicts == [PATH] and not plan.write
    assert (tmp_path / PATH).read_bytes() == _text(30)
    assert _sync(tmp_path, 25, plan.state).conflicts == [PATH]  # it is reported again

    ours = _sync(tmp_path, 25, plan.state, side="ours")
    assert (tmp_path / PATH).read_bytes() == _text(30)
    assert _sync(tmp_path, 25, ours.state).conflicts == []  # kept
    assert _sync(tmp_path, 26, ours.state).conflicts == [PATH]  # theirs changed since

    _sync(tmp_path, 26, ours.state, side="theirs")
    assert (tmp_path / PATH).read_bytes() == _text(26)


def test_changed_or_removed_here_only_is_kept_and_reported(tmp_path: Path) -> None:
    state = _sync(tmp_path, 21, {}).state
    (tmp_path / PATH).write_bytes(_text(30))
    plan = _sync(tmp_path, 21, state)
    assert plan.ours_changed == [PATH] and (tmp_path / PATH).read_bytes() == _text(30)
    (tmp_path / PATH).unlink()
    for theirs in (21, 22):  # whether or not theirs changed, nothing is here that could be kept
        plan = _sync(tmp_path, theirs, state)
        assert (plan.removed, plan.ours_changed, plan.conflicts) == ([PATH], [], [])
        assert not (tmp_path / PATH).exists()
    settled = _sync(tmp_path, 21, state, side="ours").state
    assert _sync(tmp_path, 21, settled).removed == [] and not (tmp_path / PATH).exists()
    _sync(tmp_path, 21, state, side="theirs")
    assert (tmp_path / PATH).read_bytes() == _text(21)


def test_labelimg_saving_the_same_boxes_is_no_change(tmp_path: Path) -> None:
    state = _sync(tmp_path, 21, {}).state
    (tmp_path / PATH).write_bytes(_text(21).replace(b"<filename>", b"<path>C:\\x.jpg</path><filename>"))
    plan = _sync(tmp_path, 21, state)
    assert (plan.same, plan.conflicts, plan.ours_changed) == (1, [], [])
    assert list(_sync(tmp_path, 25, plan.state).write) == [PATH]


def test_a_label_keeps_its_place_and_others_their_files(tmp_path: Path) -> None:
    (tmp_path / "abc_1.xml").write_bytes(_text(21))
    label(tmp_path, "-def", 1, Box("helicopter", 1, 1, 9, 9))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to("notes.txt")
    plan = merge(
        tmp_path,
        {ONE: IncomingLabel("t", _text(25)), TWO: IncomingLabel("t", _text(7))},
        clips_by_name(catalog()),
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
    state = _sync(tmp_path, 21, {}, source="project").state
    plan = _sync(tmp_path, 40, state, source="file")
    assert plan.conflicts == [PATH]  # a file that someone else wrote, and nothing is known of this source
    state = _sync(tmp_path, 40, state, "theirs", source="file").state
    plan = _sync(tmp_path, 21, state, source="project")
    assert (plan.ours_changed, plan.write) == ([PATH], {})
    assert _sync(tmp_path, 22, state, source="project").conflicts == [PATH]
    assert list(_sync(tmp_path, 41, state, source="file").write) == [PATH]


def test_what_was_settled_stays_so_even_under_theirs(tmp_path: Path) -> None:
    state = _sync(tmp_path, 21, {}).state
    (tmp_path / PATH).write_bytes(_text(30))
    state = _sync(tmp_path, 21, state, "ours").state
    plan = _sync(tmp_path, 21, state, "theirs")
    assert (plan.same, plan.write, plan.replaced) == (1, {}, [])
    (tmp_path / PATH).write_bytes(_text(31))
    assert not _sync(tmp_path, 21, state, "theirs").write
    assert _sync(tmp_path, 22, state, "theirs").replaced == [PATH]  # they changed it since
    (tmp_path / PATH).unlink()
    assert list(_sync(tmp_path, 21, state, "theirs").write) == [PATH]  # removed: theirs has another chance


def test_replaced_are_only_files_that_were_changed_here(tmp_path: Path) -> None:
    assert _sync(tmp_path, 21, {}, "theirs").replaced == []
    state = _sync(tmp_path, 21, {}, "theirs").state
    assert _sync(tmp_path, 25, state, "theirs").replaced == []
    assert _sync(tmp_path, 26, state, "theirs").replaced == [PATH]  # the state knows of 21 alone


def test_what_a_source_no_longer_labels_is_reported_and_stays(tmp_path: Path) -> None:
    state = _sync(tmp_path, 21, {}).state
    plan = merge(tmp_path, {}, clips_by_name(catalog()), state, complete={"t"})
    assert plan.gone == [PATH] and not plan.write
    assert merge(tmp_path, {}, clips_by_name(catalog()), state, complete={"other"}).gone == []
    assert merge(tmp_path, {}, clips_by_name(catalog()), state).gone == []
    (tmp_path / PATH).unlink()
    assert merge(tmp_path, {}, clips_by_name(catalog()), state, complete={"t"}).gone == []


def test_what_copying_meets_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _sync(tmp_path / "voc", 21, {})

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copy2", refuse)
    with pytest.raises(PipelineError, match=r"cannot be written \(Input/output error\); the labels"):
        apply(tmp_path / "voc", Merge(write={"x.xml": b"x"}))


def test_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no")

    _sync(tmp_path / "voc", 21, {})
    monkeypatch.setattr(os, "link", refuse)
    apply(tmp_path / "voc", Merge(write={"x.xml": b"x"}))
    assert (tmp_path / "voc" / PATH).read_bytes() == _text()


def test_a_full_disk_leaves_the_labels_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "voc"
    state = _sync(folder, 21, {}).state
    plan = merge(
        folder,
        {ONE: IncomingLabel("t", _text(25)), TWO: IncomingLabel("t", _text(7))},
        clips_by_name(catalog()),
        state,
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
