"""Without the extra `labels` only the commands that talk to a server stop, and say what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.label_files import DOG, label
from tests.helpers.paths import ROOT
from tests.helpers.studio_project import environment, make_project

INSTALL = "`.venv/bin/pip install -c constraints.txt -e '.[labels]'`"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("extra"))
    label(folder / "labels/voc", "def", 1)
    label(folder / "drawn", "-abc_7", 1, DOG)
    maps = np.ones((1, 4, 4), np.float32)
    np.savez(folder / "maps.npz", name=["def"], frame=[1], probability=maps)
    return folder


def _avs(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.modules['httpx'] = None; from pipeline.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "labels", *arguments],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "drawn"), "1 labels written"),
        (("export", "out"), "labels, 0 images"),
        (("check",), "frames labelled"),
        (("propose", "--probabilities", "maps.npz", "--no-push"), "1 frames proposed"),
    ],
)
def test_what_needs_no_server_works(project: Path, arguments: tuple[str, ...], said: str) -> None:
    done = _avs(project, *arguments)
    assert said in done.stdout and done.stderr == "", done.stderr


@pytest.mark.parametrize(
    "arguments", [("serve",), ("push",), ("pull",), ("propose", "--probabilities", "maps.npz")]
)
def test_what_needs_a_server_says_what_to_install(project: Path, arguments: tuple[str, ...]) -> None:
    done = _avs(project, *arguments)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and line.startswith("error: httpx is not installed") and INSTALL in line
    assert not (project / ".label-studio/credentials.json").exists()


def test_the_guide_and_the_readme_name_the_extra() -> None:
    root = ROOT
    for page in ("README.md", "labels/guide.md"):
        assert INSTALL.strip("`") in (root / page).read_text()
