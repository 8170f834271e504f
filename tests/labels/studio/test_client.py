"""The connection to a server: what is told of its address."""

from __future__ import annotations

import pytest

from pipeline.labels.studio.client import Studio
from pipeline.utils.errors import PipelineError


@pytest.mark.parametrize("url", ["localhost:8080", "127.0.0.1:8080/", "ftp://host", "//host:8080"])
def test_an_address_without_its_scheme_is_reported_as_that(url: str) -> None:
    with pytest.raises(PipelineError, match="must begin with http:// or https://"):
        Studio(url, "0" * 40)
