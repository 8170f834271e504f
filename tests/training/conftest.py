"""The clips that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.training_clips import write_clips


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("packed"))
