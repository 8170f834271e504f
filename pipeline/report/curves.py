"""Learning curves: validation M_J and each loss term, one small picture per metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.losses.terms import TERMS
from pipeline.report.compare import by_variant
from pipeline.report.figures import inline_svg, new_axes, variant_colours, variant_dashes
from pipeline.report.inputs import Run

TITLES = {
    "val/miou": "Validation M_J",
    "val/miou_other": "Validation M_J, another's sound",
    "val/g_miou": "Validation G-mIoU, another's sound",
    "train/loss": "Training loss, all terms weighted",
    **{f"train/{term.name}": term.title for term in TERMS.values()},
}


@dataclass(frozen=True)
class Curve:
    """One metric's picture."""

    metric: str
    title: str
    svg: Markup


def draw_curves(runs: Sequence[Run]) -> list[Curve]:
    """One picture per metric that any run logged: the known ones first, others by name."""
    metrics = {metric for run in runs for metric in run.curves}
    order = [metric for metric in TITLES if metric in metrics] + sorted(metrics - TITLES.keys())
    return [Curve(metric, TITLES.get(metric, metric), _draw(metric, runs)) for metric in order]


def _draw(metric: str, runs: Sequence[Run]) -> Markup:
    """Thin lines are seeds, the thick one their mean; on validation M_J a dot marks the kept epoch."""
    figure, axes = new_axes(3.5, 2.2)
    groups = by_variant(runs)
    colours, dashes = variant_colours(list(groups)), variant_dashes(list(groups))
    for variant, group in groups.items():
        style: dict[str, Any] = {"color": colours[variant], "dashes": dashes[variant]}
        lines = {run.seed: run.curves[metric] for run in group if metric in run.curves}
        if not lines:
            continue
        for line in lines.values():
            _plot(axes, line, alpha=0.4 if len(lines) > 1 else 1, linewidth=1, **style)
        if len(lines) > 1:
            _plot(axes, pd.DataFrame(lines).dropna().mean(axis=1), linewidth=1.8, **style)
        if metric == "val/miou":
            for run in group:
                kept = run.figures["best_epoch"]
                if run.seed in lines and kept in lines[run.seed].index:
                    axes.plot(kept, lines[run.seed][kept], "o", color=colours[variant], markersize=3.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    if metric == "val/miou":
        axes.set_ylim(bottom=0)
    return inline_svg(figure, f"{TITLES.get(metric, metric)} by epoch")


def _plot(axes: Axes, line: pd.Series, **style: Any) -> None:
    """A line by epoch; a single point has a marker, as its line would be invisible."""
    axes.plot(line.index, line, marker="o" if len(line.dropna()) == 1 else "", markersize=3.5, **style)
