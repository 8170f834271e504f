"""Learning curves of one epoch and of many."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.report.curves import draw_curves
from pipeline.report.figures import PALETTE
from tests.helpers.report_runs import run


def drawn(epochs: int, seeds: int) -> str:
    line = pd.Series([1 / epoch for epoch in range(1, epochs + 1)], index=range(1, epochs + 1))
    runs = [replace(run("baseline", seed, {"a": 0.5}), curves={"train/bce": line}) for seed in range(seeds)]
    return str(draw_curves(runs)[0].svg)


def ticks(svg: str) -> list[str]:
    """What stands under the axis of epochs: its labels are centred, those of the other end at it."""
    return re.findall(r'<text style="[^"]*text-anchor: middle[^"]*"[^>]*>([^<]*)</text>', svg)


@pytest.mark.parametrize(("epochs", "seeds", "dots"), [(1, 1, 1), (1, 2, 3), (2, 1, 0), (2, 2, 0)])
def test_a_single_epoch_is_a_dot(epochs: int, seeds: int, dots: int) -> None:
    """One a seed, and one of their mean."""
    assert len(re.findall(rf"<use [^>]*fill: {PALETTE[0]}", drawn(epochs, seeds))) == dots


@pytest.mark.parametrize("epochs", [1, 2, 3, 25])
def test_epochs_are_whole_numbers(epochs: int) -> None:
    shown = ticks(drawn(epochs, 1))
    assert shown and all(re.fullmatch(r"\d+", tick) for tick in shown), shown
