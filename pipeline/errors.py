"""The one exception that people are meant to read."""

from __future__ import annotations


class PipelineError(Exception):
    """Something a person can mend: names the file, clip or key, says what is wrong and what to do.

    Commands print its message without a traceback and exit with status 1; anything else that is raised is a
    bug of ours and keeps its traceback.
    """
