from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.report.provenance import commit, provenance


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_and_what_differs_from_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert commit(tmp_path) == "unknown"  # no commit yet
    (tmp_path / "pipeline").mkdir()
    for name in ("params.yaml", "dvc.lock", "pipeline/a.py"):
        (tmp_path / name).write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    head = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "dvc.lock").write_text("2\n")  # a run's own record decides nothing
    assert commit(tmp_path) == head
    (tmp_path / "params.yaml").write_text("2\n")
    (tmp_path / "pipeline/a.py").unlink()
    assert commit(tmp_path) == f"{head}, changed since: params.yaml, pipeline/a.py"


def test_outside_git_and_packages(tmp_path: Path) -> None:
    facts = provenance(tmp_path)
    assert facts["commit"] == "unknown" and facts["torch"][0].isdigit()
    assert "cores" in facts["machine"]
