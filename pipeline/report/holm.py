"""Holm's correction of p values for their number, and the confidence level it asks of each."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.report.intervals import LEVEL


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979), in the given order."""
    from statsmodels.stats.multitest import multipletests  # loads in 0.7 s

    return multipletests(p_values, method="holm")[1].tolist()


def holm_levels(p_values: Sequence[float]) -> list[float]:
    """The confidence level that `holm` asks of each p value, the others as they are.

    A p value below 1 - level before correction is below 1 - `LEVEL` after it.
    """
    levels = []
    for place in range(len(p_values)):
        factor = len(p_values)
        for p in sorted([*p_values[:place], *p_values[place + 1 :]]):
            if factor * p >= 1 - LEVEL:
                break
            factor -= 1  # significant whatever the p value in question: one less to correct for
        levels.append(1 - (1 - LEVEL) / factor)
    return levels
