from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.utils.errors import PipelineError
from stages.train import _live


def test_a_repository_without_a_commit_is_told_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    with pytest.raises(PipelineError, match=r"git: .*commit the project \(`git add -A && git commit`\)"):
        _live(tmp_path / "logs")
