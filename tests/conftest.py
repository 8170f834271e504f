"""What the tests share."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

# Tests run side by side (`make test`): one thread each, before torch reads it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import yaml
from hypothesis import settings

# A busy machine is slow, not wrong: no example has a deadline.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first, so that none of them is left to run alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is marked as needing a GPU is skipped where there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")


@pytest.fixture
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture
def values() -> dict[str, Any]:
    """The repository's params.yaml as a plain mapping, free to change."""
    return copy.deepcopy(yaml.safe_load((ROOT / "params.yaml").read_text()))
