"""The one exception that people are meant to read, and how errors are told."""

from __future__ import annotations


class PipelineError(Exception):
    """Something a person can mend: names the file, clip or key, says what is wrong and what to do.

    Commands print its message without a traceback and exit with status 1; anything else that is raised is a
    bug of ours and keeps its traceback.
    """


def message(error: PipelineError | OSError) -> str:
    """What a command prints of an error; an `OSError` is a disk that is full, read-only or closed to a user.

    Whatever is written is written whole, so the command may be run again.
    """
    if isinstance(error, PipelineError):
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; make room or mend the permissions, then run the command again."
