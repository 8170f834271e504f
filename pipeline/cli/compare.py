"""`avs compare`: evaluated models against each other, of one checkout or of many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare_command(
    evaluated: Annotated[list[Path], typer.Argument(help="folders VARIANT-SEED with a per_clip.csv each")],
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap over clips")] = 0,
) -> None:
    """Means over seeds, and differences from the first variant, and from `proposed`, with 95 % intervals.

    A folder is what `evaluate` writes, data/eval/VARIANT-SEED, of this checkout or of others: variants are
    compared over the seeds and clips that both have. Clips are matched by name alone: make sure that all were
    evaluated on the same data. The report says the same of one checkout.

    Example: avs compare data/eval/* ../other/data/eval/listening-2
    """
    from rich.console import Console

    from pipeline.report.comparison_print import print_comparison

    # names are printed as they are
    print_comparison(evaluated, Console(markup=False, emoji=False), seed=seed)
