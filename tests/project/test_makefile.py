"""`make repro` where the project came as an archive, without git's history."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DVC = """#!/bin/sh
git status --porcelain; git log --format=%s; echo "$@"
"""


@pytest.fixture
def archive(tmp_path: Path, root: Path) -> Path:
    """A folder with the Makefile and one more file; where `dvc` is called, it prints what it finds."""
    place, tools = tmp_path / "archive", tmp_path / "tools"
    place.mkdir()
    tools.mkdir()
    shutil.copy(root / "Makefile", place)
    (place / "params.yaml").write_text("data: {}\n")
    (place / ".gitignore").write_text(".venv/\n")
    (tools / "dvc").write_text(DVC)
    (tools / "dvc").chmod(0o755)
    return place


def repro(place: Path) -> str:
    """What `make repro` prints there, its environment being made already."""
    path = f"{place.parent / 'tools'}{os.pathsep}{os.environ['PATH']}"
    own = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "MAKE"))}
    own |= {"HOME": str(place.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["make", "-s", "-o", ".venv/.run", "repro", f"PATH={path}"]
    done = subprocess.run(command, cwd=place, env=own, check=True, capture_output=True, text=True)
    return done.stdout


def test_an_archive_becomes_a_repository_with_a_commit(archive: Path) -> None:
    """Without one DVCLive stops the first training, after all data stages."""
    assert repro(archive).splitlines() == ["As downloaded", "repro", "open reports/index.html"]


@pytest.mark.parametrize("worktree", [False, True])  # whose .git is a file
def test_a_repository_is_left_as_it_is(archive: Path, worktree: bool) -> None:
    home = archive.parent / "home" if worktree else archive
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", str(home)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Mine"], cwd=home, check=True)
    if worktree:
        subprocess.run([*git, "worktree", "add", "-q", str(archive.parent / "tree")], cwd=home, check=True)
        shutil.copytree(archive, archive.parent / "tree", dirs_exist_ok=True)
        archive = archive.parent / "tree"
    printed = repro(archive).splitlines()
    assert {"?? Makefile", "?? params.yaml", "Mine"} <= set(printed) and "As downloaded" not in printed
