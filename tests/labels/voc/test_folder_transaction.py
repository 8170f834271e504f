"""A pull killed at every single step it takes: the next run mends it, and no label is lost or doubled."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.data.catalog import clips_by_name
from pipeline.labels.sync.from_studio import Collected
from pipeline.labels.sync.merge import IncomingLabel, Merge
from pipeline.labels.sync.pull import merge_into_folder
from pipeline.labels.voc.folder_transaction import (
    exclusive_lock,
    folder_transaction,
    interrupted_swap_exists,
)
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.table import read_folder
from pipeline.labels.voc.voc_xml import Annotation, Box, voc_text
from pipeline.utils.errors import PipelineError
from tests.helpers.label_files import catalog
from tests.helpers.studio_project import make_project

CLIPS = clips_by_name(catalog())
STEPS = {
    "open",
    "os.mkdir",
    "os.rename",
    "os.link",
    "os.remove",
    "os.rmdir",
}  # each is told before


def _text(xmin: int) -> bytes:
    return voc_text(Annotation(160, 120, (Box("dog_barking", xmin, 30, 61, 70),), "x.jpg")).encode()


def _theirs(xmin: int, frames: int) -> Collected:
    return Collected(
        labels={Frame("abc", k): IncomingLabel("t", _text(xmin)) for k in range(1, frames + 1)},
        complete={"t"},
        lines=[
            {
                "source": "t",
                "annotator": "a",
                "name": "abc",
                "frame": k,
                "state": "boxed",
                "chosen": True,
                "boxes": [],
            }
            for k in range(1, frames + 1)
        ],
    )


def _settle(root: Path, theirs: Collected) -> Merge:
    return merge_into_folder(root / "voc", theirs, CLIPS, root / "record/sync.json")


def _killed_at(step: int, root: Path, theirs: Collected) -> bool:
    """Run `merge_into_folder` in a process that is killed before that step; False if it took fewer."""
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            here = event == "os.remove" or any(str(one).startswith(str(root)) for one in arguments)
            if event in STEPS and here:
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(watch)
            _settle(root, theirs)
            os._exit(0)
        finally:
            os._exit(1)  # never back into a second pytest
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _labels(root: Path) -> dict[str, bytes]:
    folder = root / "voc"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.xml")}


def _names(step: int) -> str:
    return f"dog_barking/abc/abc_{step}.xml"


def test_killed_at_any_step_a_second_run_completes_it(tmp_path: Path) -> None:
    step, between = 0, 0
    before = {_names(1): _text(30), _names(2): _text(21), "mine.xml": b"by hand"}
    after = {_names(1): _text(30), **{_names(k): _text(25) for k in (2, 3, 4)}, "mine.xml": b"by hand"}
    after[_names(1)] = _text(30)  # changed here by hand, and there: a person decides
    while True:
        step += 1
        root = tmp_path / str(step)
        _settle(root, _theirs(21, 2))
        (root / "voc" / _names(1)).write_bytes(_text(30))
        (root / "voc/mine.xml").write_bytes(b"by hand")
        if not _killed_at(step, root, _theirs(25, 4)):
            break
        between += not (root / "voc").exists()
        assert _labels(root) in ({}, before, after)
        plan = _settle(root, _theirs(25, 4))
        assert _labels(root) == after and plan.conflicts == [_names(1)]
        lines = (root / "voc/annotations.jsonl").read_text().splitlines()
        assert len(lines) == len(set(lines)) == 4
        assert sorted(path.name for path in root.iterdir()) == ["record", "voc"]
        assert not _settle(root, _theirs(25, 4)).write
    assert step > 15  # it was killed at as many places
    assert between == 1  # one of them lies between the two renames


def _kill_between_the_renames(root: Path) -> None:
    """What a kill there leaves: the state that the test above meets once."""
    (root / "voc").rename(root / ".voc.old")
    (root / ".voc.new").mkdir()


def test_labels_made_meanwhile_are_neither_overwritten_nor_joined(tmp_path: Path) -> None:
    _settle(tmp_path, _theirs(21, 2))
    _kill_between_the_renames(tmp_path)
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc/abc_1.xml").write_bytes(_text(50))
    with pytest.raises(PipelineError, match=r"\.voc\.old.*Move one of the two away"):
        _settle(tmp_path, _theirs(21, 2))
    assert _labels(tmp_path) == {"abc_1.xml": _text(50)} and (tmp_path / ".voc.old" / _names(2)).exists()
    (tmp_path / "voc").rename(tmp_path / "away")
    _settle(tmp_path, _theirs(21, 2))
    assert _labels(tmp_path) == {_names(1): _text(21), _names(2): _text(21)}


def test_labels_come_back_though_what_was_prepared_is_gone(tmp_path: Path) -> None:
    _settle(tmp_path, _theirs(21, 2))
    _kill_between_the_renames(tmp_path)
    (tmp_path / ".voc.new").rmdir()
    with exclusive_lock(tmp_path / "voc") as put_back:
        assert put_back
    assert _labels(tmp_path) == {_names(1): _text(21), _names(2): _text(21)}
    assert not interrupted_swap_exists(tmp_path / "voc")


def test_one_command_at_a_time(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "voc") as put_back:
        assert not put_back
        with pytest.raises(PipelineError, match="another command"):
            _settle(tmp_path, _theirs(21, 2))
    _settle(tmp_path, _theirs(21, 2))


def test_two_checkouts_that_share_a_folder_take_turns(tmp_path: Path) -> None:
    _settle(tmp_path, _theirs(21, 2))
    link = tmp_path / "other/voc"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "voc")
    with exclusive_lock(tmp_path / "voc"), folder_transaction(tmp_path / "voc") as new:
        with pytest.raises(PipelineError, match="another command"):
            _settle(tmp_path / "other", _theirs(25, 2))
        (new / "x.xml").write_bytes(b"x")  # what is prepared is still there
    assert _labels(tmp_path) == {"x.xml": b"x"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "record", "voc"]


def test_a_lock_that_its_owner_removed_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, real, calls = tmp_path / ".voc.lock", fcntl.flock, []

    def late(handle: TextIO, how: int) -> None:
        if not calls:
            lock.unlink()
        calls.append(how)
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with exclusive_lock(tmp_path / "voc"):
        assert len(calls) == 2 and lock.exists()


def test_a_lock_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".voc.lock").mkdir()
    with pytest.raises(PipelineError, match=r"\.voc\.lock: cannot be locked \(Is a directory\)"):
        _settle(tmp_path, _theirs(21, 2))


def test_an_error_in_the_second_rename_undoes_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _settle(tmp_path, _theirs(21, 2))
    real = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if path.name == ".voc.new":
            raise OSError(5, "Input/output error")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Input/output"), folder_transaction(tmp_path / "voc") as new:
        (new / "x.xml").write_bytes(b"x")
    assert set(_labels(tmp_path)) == {_names(1), _names(2)} and not interrupted_swap_exists(tmp_path / "voc")


def test_a_write_protected_folder_among_the_labels_is_no_hindrance(anybodys: Path) -> None:
    """Its copy is removed with the rest, and the next run finds nothing to mend."""
    folder = anybodys / "voc"
    protected = folder / "dog_barking/abc"
    protected.mkdir(parents=True)
    (protected / "abc_1.xml").write_bytes(_text(1))
    protected.chmod(0o555)

    def twice() -> None:
        for xmin in (2, 3):
            with exclusive_lock(folder), folder_transaction(folder) as new:
                shutil.copytree(folder, new, dirs_exist_ok=True)
                (new / f"{xmin}.xml").write_bytes(_text(xmin))
            assert not interrupted_swap_exists(folder)

    _as_nobody(twice, anybodys)
    assert sorted(_labels(anybodys)) == ["2.xml", "3.xml", "dog_barking/abc/abc_1.xml"]


@pytest.fixture
def anybodys() -> Iterator[Path]:
    """A folder that other users reach, which pytest's are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _as_nobody(act: Callable[[], None], folder: Path) -> None:
    """Root writes anywhere: in a process of its own, as a user whom permissions bind."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            act()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_commands_that_read_put_labels_back_or_say_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path)
    label = project / "labels/voc/helicopter/def/def_1.xml"
    label.parent.mkdir(parents=True)
    box = Box("helicopter", 41, 31, 120, 90)
    label.write_text(voc_text(Annotation(160, 120, (box,), "def_1.jpg")))
    _kill_between_the_renames(project / "labels")
    with pytest.raises(PipelineError, match="`avs labels check` restores the labels"):
        read_folder(project / "labels/voc", catalog())
    monkeypatch.chdir(project)
    done = CliRunner().invoke(app, ["labels", "check"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "put back" in done.output and "1 of 10 frames labelled" in done.output
    assert label.exists() and sorted(path.name for path in (project / "labels").glob(".*")) == []
