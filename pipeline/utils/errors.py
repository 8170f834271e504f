"""The one exception that people are meant to read, and how errors are told."""

from __future__ import annotations

import errno


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
    named = error.filename2 or error.filename  # of a rename the target: the other one is a temporary file
    advice = {
        errno.ENOSPC: "; make room, then run the command again",
        errno.EDQUOT: "; make room, then run the command again",
        errno.EFBIG: "; make room, then run the command again",
        errno.EACCES: "; mend the permissions, then run the command again",
        errno.EPERM: "; mend the permissions, then run the command again",
        errno.EROFS: "; write to another disk",
    }
    return f"{f'{named}: ' if named else ''}{error.strerror or error}{advice.get(error.errno or 0, '')}."
