"""User-facing errors."""

from __future__ import annotations

import errno


class PipelineError(Exception):
    """Something a person can fix: its message names the file, clip or key, what is wrong, and what to do.

    Commands print the message without a traceback and exit with status 1. Any other exception is a bug in
    this project and keeps its traceback.
    """


def message(error: PipelineError | OSError) -> str:
    """Message that a command prints for an error.

    Files are written atomically, so after an I/O error the command can simply be run again.

    Args:
        error: a `PipelineError`, or an I/O error such as a full or read-only disk.

    Returns:
        One line: the file, what is wrong, and what to do.
    """
    if isinstance(error, PipelineError):
        return str(error)
    named = error.filename2 or error.filename  # of a rename its target; its source is a temporary file
    advice = {
        errno.ENOSPC: "; free some space, then run the command again",
        errno.EDQUOT: "; free some space, then run the command again",
        errno.EFBIG: "; free some space, then run the command again",
        errno.EACCES: "; fix the permissions, then run the command again",
        errno.EPERM: "; fix the permissions, then run the command again",
        errno.EROFS: "; write to another disk",
    }
    return f"{f'{named}: ' if named else ''}{error.strerror or error}{advice.get(error.errno or 0, '')}."
