"""What the tests share."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture
def values() -> dict[str, Any]:
    """The repository's params.yaml as a plain mapping, free to change."""
    return copy.deepcopy(yaml.safe_load((ROOT / "params.yaml").read_text()))
