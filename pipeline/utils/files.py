"""Writing files so that a reader never sees half of one."""

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
    """Give a temporary path beside `target`; rename it to `target` when the block ends without an error.

    The parent folder is made. On an error the temporary file goes and `target` stays as it was. Raises
    `PipelineError` where `target` is a folder.
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
        # a write through an open file does not say which one the disk had no room for
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            error.filename = error.filename or str(target)
        raise


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside `target`; swap it in for `target` when the block ends well.

    For folders that a stage makes whole: what stood at `target` goes only after the new one is complete.
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
    """Write `value` as indented JSON with sorted keys, atomically; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(target, text + "\n")


def read_json(source: Path, advice: str = "run the stage that makes it (`dvc repro`)") -> Any:
    """Read a JSON file; a missing or malformed one is a `PipelineError` that names it and gives `advice`."""
    try:
        return json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{source}: no such file; {advice}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{source}: is not JSON ({error}); {advice}.") from error


def digest(paths: list[Path]) -> str:
    """SHA-256 over the names and bytes of files and folders (folders are walked in sorted order).

    Python's own caches in them are passed over: they hold dates, and come and go.
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
    """Raise `PipelineError` where `folder` is a link to a folder, or has one below it.

    DVC hashes no file behind such a link, so that a stage would not see what changes there.
    """
    below = (Path(where, name) for where, names, _ in os.walk(folder) for name in names)
    for place in (folder, *below):
        if place.is_symlink() and place.is_dir():
            raise PipelineError(
                f"{place}: is a link to a folder, into which DVC does not look: what changes there would go "
                "unnoticed. Put the folder itself there, by moving or mounting it, or set the path in "
                "params.yaml to where it is."
            )
