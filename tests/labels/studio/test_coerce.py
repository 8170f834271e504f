"""Values of other people's JSON: sane ones pass, all others give the neutral value."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.studio.coerce import dicts, integer, number, pixels, string


@pytest.mark.parametrize("value", [True, "3", None, [3], math.nan, math.inf, 1e12, 10**400, -(10**400)])
def test_what_is_no_number(value: Any) -> None:
    assert number(value) is None
    assert pixels(value) == 0


@given(st.integers(-(10**11), 10**11) | st.floats(-1e11, 1e11))
def test_a_number_is_kept(value: float) -> None:
    assert number(value) == value


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (0.9, 0), (-5, 0), (1, 1), (224.7, 224), (10**9, 0)])
def test_a_side_in_pixels(value: float, expected: int) -> None:
    assert pixels(value) == expected


def test_other_types() -> None:
    assert (integer(7), integer(True), integer("7"), integer(7.0)) == (7, 0, 0, 0)
    assert (string("a"), string(None), string(b"a")) == ("a", "", "")
    assert dicts([{"a": 1}, 2, {}]) == [{"a": 1}, {}]
    assert dicts({"a": 1}) == dicts(None) == []
