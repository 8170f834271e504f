"""Atomic file writes, JSON files and hashes of files."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.utils.errors import PipelineError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Write a file atomically: readers see the old content or the new, never half of it.

    The parent folder is created. On an error `target` stays as it was.

    Args:
        target: the file to write.

    Yields:
        A temporary path next to `target`, renamed to it when the block ends without an error.

    Raises:
        PipelineError: `target` is a folder.
    """
    if target.is_dir():
        raise PipelineError(f"{target}: is a folder; name a file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # an error from writing to an open file does not name the file
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            error.filename = error.filename or str(target)
        raise


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Write a folder atomically: the old content is removed only once the new one is complete.

    Args:
        target: the folder to write.

    Yields:
        An empty temporary folder next to `target`, which replaces it when the block ends without an error.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.replace(old / "old")
        temporary.replace(target)
        shutil.rmtree(old)
    else:
        temporary.replace(target)


def write_text(target: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically; NaN and infinity are a ValueError."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(target, text + "\n")


def read_json(source: Path, advice: str = "run the stage that makes it (`dvc repro`)") -> Any:
    """Read a JSON file.

    Args:
        source: the file.
        advice: what to do if it cannot be read, for the message.

    Returns:
        Its content.

    Raises:
        PipelineError: the file is missing or malformed.
    """
    try:
        return json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{source}: no such file; {advice}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{source}: is not JSON ({error}); {advice}.") from error


def digest(paths: list[Path]) -> str:
    """SHA-256 over the names and bytes of files and folders.

    Folders are walked in sorted order. Python's caches in them are skipped: they come and go, and hold dates.

    Args:
        paths: files and folders, in the order in which they count.

    Returns:
        Hex digits.
    """
    state = hashlib.sha256()
    for path in paths:
        within = (p for p in path.rglob("*") if p.is_file() and p.parent.name != "__pycache__")
        for file in sorted(within) if path.is_dir() else [path]:
            inside = file.relative_to(path).as_posix() if path.is_dir() else file.name
            state.update(inside.encode() + b"\0")
            with file.open("rb") as stream:
                state.update(hashlib.file_digest(stream, "sha256").digest())
    return state.hexdigest()


def refuse_linked_folders(folder: Path) -> None:
    """Refuse links to folders: DVC does not hash the files behind them, and would miss their changes.

    Args:
        folder: it and everything below it is checked.

    Raises:
        PipelineError: names the link.
    """
    below = (Path(where, name) for where, names, _ in os.walk(folder) for name in names)
    for place in (folder, *below):
        if place.is_symlink() and place.is_dir():
            raise PipelineError(
                f"{place}: is a link to a folder. DVC does not follow it, and changes there would go "
                "unnoticed. Move or mount the folder itself there, or set the path in params.yaml to where "
                "it is."
            )
