from __future__ import annotations

import re
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


def test_labels_and_new_files_count_and_names_are_whole(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "labels").mkdir()
    (tmp_path / "pipeline").mkdir()
    for name in ("labels/voc.dvc", "labels/guide.md", "pipeline/größe of.py", "pipeline/a.py", ".gitignore"):
        (tmp_path / name).write_text("*.pyc\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    head = git(tmp_path, "rev-parse", "HEAD")
    for name in ("labels/guide.md", "labels/boxes.csv", "pipeline/a.pyc", "notes.txt"):
        (tmp_path / name).write_text("2\n")  # of these none decides a result
    assert commit(tmp_path) == head
    for name in ("labels/voc.dvc", "pipeline/größe of.py", "pipeline/new one.py"):
        (tmp_path / name).write_text("2\n")
    assert commit(tmp_path) == (
        f"{head}, changed since: labels/voc.dvc, pipeline/größe of.py, pipeline/new one.py"
    )


def test_of_a_folder_inside_a_repository_names_are_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "inner/pipeline").mkdir(parents=True)
    (tmp_path / "inner/params.yaml").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    (tmp_path / "inner/params.yaml").write_text("2\n")
    (tmp_path / "inner/pipeline/new.py").write_text("2\n")
    assert commit(tmp_path / "inner").endswith(", changed since: params.yaml, pipeline/new.py")


def test_machine_and_versions_are_said_to_be_the_reports(tmp_path: Path) -> None:
    facts = provenance(tmp_path)
    assert list(facts) == ["commit", "report made on", "report made with"]
    assert facts["commit"] == "unknown" and "cores" in facts["report made on"]
    assert re.match(r"Python 3\.\d+\.\S+, torch 2\.", facts["report made with"])
