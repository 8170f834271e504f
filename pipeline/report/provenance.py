"""Provenance of a report: commit, machine, versions. No date, so that the same run gives the same page."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "timm", "lightning-fabric", "numpy", "scikit-learn", "av", "dvc")
RESULT_PATHS = ("params.yaml", "dvc.yaml", "pipeline", "stages", "labels/*.dvc")


def provenance(repository: Path) -> dict[str, str]:
    """Name -> value, in the order shown; what cannot be determined is `unknown`.

    Machine and versions are those that the report is made with: models may come from elsewhere.
    """
    return {
        "commit": commit(repository),
        "report made on": f"{platform.system()} {platform.machine()}, {os.cpu_count() or '?'} cores",
        "report made with": ", ".join([f"Python {platform.python_version()}", *map(_version, PACKAGES)]),
    }


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def commit(repository: Path) -> str:
    """The git commit checked out in `repository`; `unknown` outside git.

    Files that affect results and differ from the commit are listed behind it.
    """
    head = _git(repository, "rev-parse", "HEAD")
    if not head:
        return "unknown"
    # -z: git would quote names otherwise, and they may hold spaces
    tracked = _git(repository, "diff", "--name-only", "--relative", "-z", "HEAD", "--", *RESULT_PATHS)
    new = _git(repository, "ls-files", "--others", "--exclude-standard", "-z", "--", *RESULT_PATHS)
    changed = sorted(name for name in (tracked + new).split("\0") if name)
    return f"{head}, changed since: {', '.join(changed)}" if changed else head


def _git(repository: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *arguments], cwd=repository, capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
