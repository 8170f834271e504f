"""Last-synced state of each label source, kept on disk between commands.

Each source has its own: a project that is unchanged since the last pull says nothing about an imported file.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from pipeline.utils.errors import PipelineError
from pipeline.utils.files import read_json, write_json

# digests of the source's label and of the file here when they were last synced; then KEPT, if a person chose
# the file here over the label
SyncEntry = list[str]
SyncState = dict[str, dict[str, SyncEntry]]  # source -> path in the label folder -> entry
KEPT = "ours"


def last_synced(state: SyncState, source: str, path: str) -> SyncEntry | None:
    """The entry of a source's label and a file, None if they were never synced."""
    return state.get(source, {}).get(path)


def label_digest(data: bytes) -> str:
    """What an entry keeps of a label: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def read_sync_state(file: Path, folder: Path) -> SyncState:
    """The state of a label folder; empty if there is no such file.

    Raises:
        PipelineError: the file holds something else.
    """
    value = _read(file).get(_key(file, folder), {})
    if not isinstance(value, dict) or not all(
        isinstance(paths, dict) and all(map(_is_entry, paths.values())) for paths in value.values()
    ):
        raise _unreadable(file)
    return value


def write_sync_state(file: Path, folder: Path, state: SyncState) -> None:
    """Keep the state of a label folder; those of other folders stay."""
    write_json(file, {**_read(file), _key(file, folder): state})


def _key(file: Path, folder: Path) -> str:
    """From the file to the folder, so that a checkout may be moved."""
    return Path(os.path.relpath(folder.resolve(), file.parent.resolve())).as_posix()


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        value = read_json(file)
    except PipelineError as error:
        raise _unreadable(file) from error
    if not isinstance(value, dict):
        raise _unreadable(file)
    return value


def _unreadable(file: Path) -> PipelineError:
    return PipelineError(
        f"{file}: is not a state of synced labels. Move it away and run this again: no label is lost, and "
        "you are asked wherever the two sides differ."
    )


def _is_entry(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (2, 3) and all(isinstance(one, str) for one in value)
