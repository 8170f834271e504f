"""Folder transaction: a label folder is replaced as a whole, so that a kill at any moment loses nothing.

A new folder is made as `.{name}.new` next to the old one; then the old one is renamed to `.{name}.old`, the
new one takes its place, and the old one is removed. Which of the three exist shows how far a killed run got,
and the next run recovers. `.{name}.lock` exists while a command is at work. It is next to them and not in a
checkout, since several checkouts may share one folder.
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
    """Let one command at a time change `folder`, and recover first from a killed one.

    Yields:
        Whether labels were put back.

    Raises:
        PipelineError: another command is at work, nothing can be written next to the folder, or the labels
            cannot be recovered (see `_recover`).
    """
    folder = folder.resolve()
    lock = folder.with_name(f".{folder.name}.lock")
    with _locked(lock, folder):
        try:
            yield _recover(folder)
        finally:
            with suppress(OSError):  # a file that stays locks nothing
                lock.unlink()


def read_lock(folder: Path) -> AbstractContextManager[bool]:
    """`exclusive_lock` for a command that only reads `folder`; no lock on a read-only disk."""
    return exclusive_lock(folder) if os.access(folder.resolve().parent, os.W_OK) else nullcontext(False)


@contextmanager
def folder_transaction(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` when the block ends without an error.

    On an error `folder` stays as it was. For use in `exclusive_lock`.
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
        with suppress(OSError):  # the first error is the one to report
            _remove(new)
        raise
    with suppress(OSError):  # the labels are in place; `_recover` tries again
        _remove(old)


def interrupted_swap_exists(folder: Path) -> bool:
    """Whether `exclusive_lock` would find something to recover, or another command at work."""
    return any(path.exists() for path in _beside(folder.resolve()))


def _locked(lock: Path, folder: Path) -> TextIO:
    """The file `lock`, open; the system releases the lock when the process ends, however it ends."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with ExitStack() as opened:
                handle = opened.enter_context(lock.open("a"))
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with suppress(FileNotFoundError):
                    # a file that its owner has removed meanwhile locks nobody out
                    if os.path.samestat(os.fstat(handle.fileno()), lock.stat()):
                        opened.pop_all()
                        return handle
    except BlockingIOError:
        raise PipelineError(
            f"{folder}: another command writes labels there; wait until it ends, then run this again."
        ) from None
    except OSError as error:
        raise PipelineError(
            f"{lock}: cannot be locked ({error.strerror}). Wait until another user's command there ends, or "
            f"fix the permissions of {lock.parent}; then run this again."
        ) from error


def _recover(folder: Path) -> bool:
    """Finish or undo what a killed run left; True if labels were put back.

    Killed before the swap: what it had prepared is removed. Between the two renames: the old labels come
    back, whether or not what was prepared still exists. After the swap: the new labels stay, the old ones are
    removed.

    Raises:
        PipelineError: there are old labels, prepared ones and others, which a person made meanwhile.
    """
    new, old = _beside(folder)
    if old.exists() and new.exists() and folder.exists():
        raise PipelineError(
            f"{folder}: was made while its labels were in {old}, where a killed run left them. Move one of "
            f"the two away: to get the older labels back, move {folder} away and run this again; to give "
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
    """Remove a copy; folders in it may be write-protected, as the ones that they were copied from."""
    for where, _, _ in os.walk(folder):
        Path(where).chmod(0o700)
    shutil.rmtree(folder)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
