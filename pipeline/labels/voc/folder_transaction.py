"""Changing a folder of labels as a whole, so that a kill at any moment costs nothing.

A new folder is made as `.{name}.new` beside the old one; then the old one is renamed to `.{name}.old`, the
new one takes its place, and the old one goes. Which of the three are there tells how far a killed run came,
and the next run mends that. `.{name}.lock`, there while a command is at work, lies beside them too, and not
in a checkout: several may share one folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TextIO

from pipeline.utils.errors import PipelineError


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[bool]:
    """Let one command at a time change `folder`; mend first what a killed one left, and give whether labels
    were put back.

    Raises `PipelineError` if another command is at it or nothing can be written beside it, or see `_mend`.
    """
    folder = folder.resolve()
    lock = folder.with_name(f".{folder.name}.lock")
    with _locked(lock, folder):
        try:
            yield _mend(folder)
        finally:
            with suppress(OSError):  # a file that stays locks nothing
                lock.unlink()


def read_lock(folder: Path) -> AbstractContextManager[bool]:
    """`exclusive_lock` for a command that only reads `folder`: one that lies where this user writes nothing, as on a
    read-only disk, is read as it stands.
    """
    return exclusive_lock(folder) if os.access(folder.resolve().parent, os.W_OK) else nullcontext(False)


@contextmanager
def folder_transaction(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `folder` when the block ends well. For use in `exclusive_lock`.

    On an error `folder` stays as it was.
    """
    new, old = _beside(folder)
    new.mkdir(parents=True)
    try:
        yield new
        if folder.exists():
            folder.replace(old)
        new.replace(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.replace(folder)
        with suppress(OSError):  # the first error is the one to tell
            _remove(new)
        raise
    with suppress(OSError):  # the labels are in place; `_mend` tries again
        _remove(old)


def interrupted_swap_exists(folder: Path) -> bool:
    """Whether `exclusive_lock` would find something to mend, or another command at work."""
    return any(path.exists() for path in _beside(folder.resolve()))


def _locked(lock: Path, folder: Path) -> TextIO:
    """The file `lock`, open; the system frees it when the process ends, however it ends."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with ExitStack() as opened:
                handle = opened.enter_context(lock.open("a"))
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with suppress(FileNotFoundError):
                    # one that its owner removed meanwhile keeps nobody out
                    if os.path.samestat(os.fstat(handle.fileno()), lock.stat()):
                        opened.pop_all()
                        return handle
    except BlockingIOError:
        raise PipelineError(
            f"{folder}: another command writes labels there; wait for its end, then run this again."
        ) from None
    except OSError as error:
        raise PipelineError(
            f"{lock}: cannot be locked ({error.strerror}). Wait for the end of what another user runs there, "
            f"or mend the permissions of {lock.parent}; then run this again."
        ) from error


def _mend(folder: Path) -> bool:
    """Finish or undo what a killed run left; True if labels were put back.

    Killed before the swap: what it had prepared goes. Between the two renames: the old labels come back,
    whether or not what was prepared is still there. After the swap: the new labels stay, the old ones go.

    Raises `PipelineError` if the old labels wait beside others: a person made those meanwhile.
    """
    new, old = _beside(folder)
    if old.exists() and new.exists() and folder.exists():
        raise PipelineError(
            f"{folder}: was made while its labels stood in {old}, where a killed run left them. Move one of "
            f"the two away: to have the older labels back, move {folder} away and run this again; to give "
            f"them up, remove {old}."
        )
    put_back = old.exists() and not folder.exists()
    if put_back:
        old.replace(folder)
    for path in (old, new):
        if path.exists():
            _remove(path)
    return put_back


def _remove(folder: Path) -> None:
    """A copy of ours, though a folder in it may be write-protected as the one that it was copied from."""
    for where, _, _ in os.walk(folder):
        Path(where).chmod(0o700)
    shutil.rmtree(folder)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
