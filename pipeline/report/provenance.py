"""Where a report comes from: commit, machine, versions. No date, so that the same run gives the same page."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "timm", "lightning-fabric", "numpy", "scikit-learn", "av", "dvc")
DECIDES = ("params.yaml", "dvc.yaml", "pipeline", "stages")


def provenance(repository: Path) -> dict[str, str]:
    """Name -> value, in the order shown; what cannot be found out is `unknown`."""
    facts = {
        "commit": commit(repository),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count() or '?'} cores",
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def commit(repository: Path) -> str:
    """The git commit checked out in `repository`, and what decides a result and differs from it; or `unknown`
    outside git.
    """
    head = _git(repository, "rev-parse", "HEAD")
    if not head:
        return "unknown"
    changed = _git(repository, "diff", "--name-only", "HEAD", "--", *DECIDES).split()
    return f"{head}, changed since: {', '.join(changed)}" if changed else head


def _git(repository: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *arguments], cwd=repository, capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
