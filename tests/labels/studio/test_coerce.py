"""Values of other people's JSON: sane ones pass, all others give the neutral value."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.studio.coerce import dicts, instant, integer, number, pixels, string


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


def test_a_time_is_an_instant_whatever_its_zone() -> None:
    assert instant("1970-01-01T00:00:10Z") == instant("1970-01-01T00:00:10.000000") == 10
    assert instant("2026-01-01T23:30:00+00:00") > instant("2026-01-02T00:00:00+02:00")
    assert instant("soon") == instant(None) == instant(7) == -math.inf


@given(st.text() | st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()))
def test_any_text_is_an_instant_or_none(text: str) -> None:
    assert not math.isnan(instant(text))
