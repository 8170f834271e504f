"""A copy of the project under git and DVC, for tests that run the pipeline as a person does."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.paths import ROOT

TINY: dict[str, dict[str, Any]] = {
    "demo": {"train": 6, "val": 3, "test": 3, "categories": 3, "width": 96, "height": 72},
    "model": {"image_size": 32, "channels": 8},
    "train": {"epochs": 2, "batch_size": 3},
    "evaluate": {"batch_size": 3, "pictures": 2},
    "crops": {"size": 32},
    "compute": {"jobs": 1},
}
ALL = {
    *("demo", "clips", "frames", "boxes", "crops", "pseudo_masks", "audio", "negatives", "plan"),
    *("train@baseline-1", "train@proposed-1", "evaluate@baseline-1", "evaluate@proposed-1", "report"),
}


@dataclass(frozen=True)
class Repository:
    """A git and DVC repository, with commands that run in it and nothing of the user's configuration."""

    root: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """This process's, without what git and DVC would take from the user, and with the copy's own code.

        Python writes its caches beside that code, as it does for everybody.
        """
        taken = ("GIT_", "DVC_", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
        known = {key: value for key, value in os.environ.items() if not key.startswith(taken)}
        return known | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(self.home / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.home / "system"),
            "DVC_SITE_CACHE_DIR": str(self.home / "site"),
        }

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command; stdout and stderr come together."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *command: str) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.call(*command)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
        return done.stdout

    def edit(self, section: str, **values: Any) -> None:
        """Change values in params.yaml."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        params[section].update(values)
        path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def json(self, path: str) -> Any:
        return json.loads((self.root / path).read_text(encoding="utf-8"))

    def experiments(self) -> list[dict[str, str]]:
        """The rows of `dvc exp show`."""
        return list(csv.DictReader(self.run("dvc", "exp", "show", "--csv").splitlines()))


def stages_run(printed: str) -> set[str]:
    """The stages that DVC says it ran."""
    return set(re.findall(r"Running stage '([^']+)'", printed))


def own_files() -> list[str]:
    """All files that .gitignore lets through, whether or not they are committed, or this is a checkout."""
    with tempfile.TemporaryDirectory() as empty:  # a repository that knows no file: all are "others"
        subprocess.run(["git", "init", "-q", "--bare", empty], check=True)
        command = ["git", "--git-dir", empty, "--work-tree", str(ROOT), "ls-files"]
        command += ["-z", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name]


def copy_of_the_tree(folder: Path, **changes: dict[str, Any]) -> Repository:
    """`folder`/repository: the project's files, tiny sizes and `changes` in params.yaml, committed."""
    repository = Repository(folder / "repository", folder / "home")
    for name in own_files():
        # results committed here belong to the full-size world
        if name == "dvc.lock" or name.startswith("metrics/") or not (ROOT / name).is_file():
            continue
        target = repository.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    for section in TINY.keys() | changes.keys():
        repository.edit(section, **{**TINY.get(section, {}), **changes.get(section, {})})
    repository.run("git", "init", "-q", "-b", "main")
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-q", "-m", "A tiny world")
    return repository
