from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pipeline.utils.errors import PipelineError, message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PipelineError("a.xml: is empty."), "a.xml: is empty."),
        (
            OSError(errno.ENOSPC, "No space left", "a.npy"),
            "a.npy: No space left; free some space, then run the command",
        ),
        (OSError(errno.EACCES, "Permission denied", "a"), "a: Permission denied; fix the permissions"),
        (OSError(errno.EROFS, "Read-only", "a"), "a: Read-only; write to another disk."),
        (OSError(errno.ENOENT, "No such file", ".a.tmp", None, "a"), "a: No such file."),
        (OSError("gone"), "gone."),
    ],
)
def test_an_error_is_shown_with_what_helps(error: PipelineError | OSError, said: str) -> None:
    assert message(error).startswith(said)


def test_of_a_move_the_target_is_named(tmp_path: Path) -> None:
    (tmp_path / "full" / "inside").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    with pytest.raises(OSError) as caught:
        (tmp_path / "other").replace(tmp_path / "full")
    assert message(caught.value).startswith(f"{tmp_path / 'full'}: Directory not empty")
