"""`avs score`: any system's masks, by the project's metrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.config.paths import CATALOG
from pipeline.utils.errors import PipelineError

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.evaluation.score import Score, Scores

NAMED = 20  # missing predictions listed


def score_command(
    predictions: Annotated[Path, typer.Argument(help="folder of masks or probability maps, PNG or NPY")],
    catalog: Annotated[Path, typer.Option(help="the clip catalogue")] = CATALOG,
    split: Annotated[str, typer.Option(help="train, val or test")] = "test",
    first: Annotated[int, typer.Option(min=0, max=1, help="number of a clip's first frame in the files")] = 1,
    json: Annotated[
        Path | None, typer.Option(help="write the figures to this file", show_default=False)
    ] = None,
) -> None:
    """Score a system's predictions: M_J and M_F, by category.

    The folder holds {category}/{name}/{name}_{k}.png, {name}/{name}_{k}.png or {name}_{k}.png, k from 1 to 5.
    Missing predictions are named and the exit status is 1: the figures are then over the rest alone.

    Example: avs score runs/lvs/masks --json lvs.json
    """
    from dataclasses import asdict

    from rich.console import Console

    from pipeline.data.catalog import read_catalog
    from pipeline.evaluation.score import score_predictions
    from pipeline.utils.files import write_json
    from pipeline.utils.progress import show

    if not predictions.is_dir():
        raise PipelineError(f"{predictions}: no such folder; give the one that holds the predictions.")
    scores = score_predictions(predictions, read_catalog(catalog), split=split, first=first, track=show)
    if json is not None:
        write_json(json, {**asdict(scores), "miou_macro": scores.miou_macro})
    console = Console()
    console.print(_table(scores))
    if scores.resized:
        console.print(f"{scores.resized} predictions were resized to their truth's size.")
    if scores.missing:
        named = "\n".join(f"  {name}" for name in scores.missing[:NAMED])
        more = f"\n  ... and {len(scores.missing) - NAMED} more" if len(scores.missing) > NAMED else ""
        raise PipelineError(
            f"{predictions}: {len(scores.missing)} of {scores.expected} predictions are missing; "
            f"the figures above leave them out:\n{named}{more}"
        )


def _table(scores: Scores) -> Table:
    from rich.table import Table

    table = Table("category", "frames", "M_J", "M_F", "M_F, batch of one")
    for column in table.columns[1:]:
        column.justify = "right"
    for category, score in scores.by_category.items():
        if category:
            table.add_row(category, *_cells(score))
    table.add_section()
    if len(scores.by_category) > 1 and scores.miou_macro is not None:
        table.add_row("mean over categories", "", f"{scores.miou_macro:.4f}", "", "")
    table.add_row("all frames", *_cells(scores.total), style="bold")
    return table


def _cells(score: Score) -> list[str]:
    figures = (score.miou, score.fscore, score.fscore_batch1)
    return [str(score.frames), *("–" if value is None else f"{value:.4f}" for value in figures)]
