"""Holm's correction by hand, and the level it asks of each p value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.report.holm import holm, holm_levels


def test_holm_by_hand() -> None:
    # sorted 0.01 0.02 0.03 0.04 times 4 3 2 1 = 0.04 0.06 0.06 0.04, never falling: 0.04 0.06 0.06 0.06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_helps_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)


def test_holm_levels_by_hand() -> None:
    # 0.001 is found whatever the others are: they share 0.05 by three, it alone by four
    assert holm_levels([0.03, 0.001, 0.04, 1.0]) == pytest.approx([1 - 0.05 / f for f in (3, 4, 3, 3)])
    assert holm_levels([0.01, 0.0]) == pytest.approx([0.95, 0.95])
    assert holm_levels([0.5]) == pytest.approx([0.95]) and holm_levels([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(0, 7))
def test_a_p_value_below_its_level_is_found_after_correction(p_values: list[float], place: int) -> None:
    place %= len(p_values)
    # another p value exactly at its level is neither found nor missed
    assume(all(abs(p * k - 0.05) > 1e-9 for p in p_values for k in range(1, len(p_values) + 1)))
    limit = 1 - holm_levels(p_values)[place]
    for p, found in ((limit * 0.999, True), (limit * 1.001, False)):
        assert (holm([*p_values[:place], p, *p_values[place + 1 :]])[place] < 0.05) == found
