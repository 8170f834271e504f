"""How the label folder and each source of labels last met, kept on disk between commands.

Of every source apart: that a project still says what it said tells nothing of an imported file that says
something else.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from pipeline.utils.errors import PipelineError
from pipeline.utils.files import read_json, write_json

# [digest of theirs, digest of ours] when they last met, and "ours" where a person chose that side
SyncEntry = list[str]
SyncState = dict[str, dict[str, SyncEntry]]  # source -> path in the label folder -> meeting

UNTOLD = ""  # the source of meetings of which it is not known who spoke
_NEVER = "?"  # in place of a digest: no file has it


def last_synced(record: SyncState, source: str, path: str) -> SyncEntry | None:
    """How this source and the file last met, None if they never did."""
    return record.get(source, {}).get(path) or record.get(UNTOLD, {}).get(path)


def digest(data: bytes) -> str:
    """What a meeting keeps of a file."""
    return hashlib.sha256(data).hexdigest()[:16]


def read_sync_state(file: Path, folder: Path) -> SyncState:
    """The meetings of a label folder; none if there is no such file.

    A record that does not tell the sources apart is read too: what it knows keeps a file as it is here, and
    never lets one be replaced.

    Raises `PipelineError` naming a file that is no record.
    """
    records = _read(file)
    value = records.get(_key(file, folder), records.get(str(folder.resolve()), {}))
    if isinstance(value, dict) and all(map(_is_meeting, value.values())):
        old = {path: [met[0], _NEVER, *met[2:]] for path, met in value.items()}
        return {UNTOLD: old} if old else {}
    if not isinstance(value, dict) or not all(
        isinstance(paths, dict) and all(map(_is_meeting, paths.values())) for paths in value.values()
    ):
        raise _no_record(file)
    return value


def write_sync_state(file: Path, folder: Path, record: SyncState) -> None:
    """Keep the meetings of a label folder; those of other folders stay."""
    write_json(file, {**_read(file), _key(file, folder): record})


def _key(file: Path, folder: Path) -> str:
    """From the record to the folder, so that a checkout may be moved."""
    return Path(os.path.relpath(folder.resolve(), file.parent.resolve())).as_posix()


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        value = read_json(file)
    except PipelineError as error:
        raise _no_record(file) from error
    if not isinstance(value, dict):
        raise _no_record(file)
    return value


def _no_record(file: Path) -> PipelineError:
    return PipelineError(
        f"{file}: is no record of how labels met. Move it away and run this again: no label is lost, and you "
        "are asked wherever the two sides differ."
    )


def _is_meeting(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (2, 3) and all(isinstance(one, str) for one in value)
