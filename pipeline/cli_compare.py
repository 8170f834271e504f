"""`avs compare`: evaluated models against each other, of one checkout or of many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from pipeline.errors import PipelineError
from pipeline.listening import NEGATIVES, g_miou
from pipeline.report.compare import Pair, by_variant, compare_variants
from pipeline.report.inputs import Run, read_table
from pipeline.report.listening import compare_listening
from pipeline.report.sentences import signed
from pipeline.report.tables import CONDITIONS, mean_of


def compare_command(
    evaluated: Annotated[list[Path], typer.Argument(help="folders VARIANT-SEED with a per_clip.csv each")],
    seed: Annotated[int, typer.Option(help="of the bootstrap over clips")] = 0,
) -> None:
    """Means over seeds, and differences from the first variant, and from `proposed`, with 95 % intervals.

    A folder is what `evaluate` writes, data/eval/VARIANT-SEED, of this checkout or of others: variants are
    compared by the seeds and clips that both have. The report says the same of one checkout.

    Example: avs compare data/eval/* ../other/data/eval/listening-2
    """
    found: dict[str, Run] = {}
    for folder in evaluated:
        run = _read(folder)
        if run.name in found:
            raise PipelineError(f"{folder}: a second {run.name}; give one of each variant and seed.")
        found[run.name] = run
    runs = [run for group in by_variant(list(found.values())).values() for run in group]
    console = Console()
    console.print(_means(runs))
    pairs = compare_variants(runs, seed=seed) + compare_listening(runs, seed=seed)
    if pairs:
        console.print(_differences(pairs))


def _read(folder: Path) -> Run:
    variant, dash, number = folder.name.rpartition("-")
    if not (dash and variant and number.isdecimal()):
        raise PipelineError(f"{folder}: is not called VARIANT-SEED; give folders as in data/eval.")
    clips = read_table(folder / "per_clip.csv", ("name", "miou"))
    if clips is None or clips["miou"].isna().all():
        raise PipelineError(f"{folder}: has no per_clip.csv with scores; run `dvc repro evaluate`.")
    return Run(variant, int(number), {"miou": float(clips["miou"].mean())}, clips)


def _means(runs: Sequence[Run]) -> Table:
    """A line a variant: mean over seeds ± standard deviation."""
    table = Table("variant", "seeds", "clips", "M_J", "M_J, another's", *(f"G, {n}" for n in NEGATIVES))
    table.add_column("area")
    table.add_column("swap test")
    table.columns[0].no_wrap = True
    for variant, group in by_variant(runs).items():
        tables = [run.clips for run in group if run.clips is not None]
        # a sound that no clip was given leaves an empty column
        means = [clips.mean(numeric_only=True).dropna().to_dict() for clips in tables]
        cells = [mean_of(_each(means, key)) for key in ("miou", "miou_other_category")]
        for name in NEGATIVES:
            heard = [mean for mean in means if f"miou_{name}" in mean]
            cells.append(mean_of(g_miou(mean["miou"], mean[f"miou_{name}"]) for mean in heard))
        areas = [[mean[f"area_{name}"] for name in NEGATIVES if f"area_{name}" in mean] for mean in means]
        cells.append(mean_of(float(np.mean(area)) for area in areas if area))
        cells.append(mean_of(_each(means, "swap_passed")))
        seeds = ", ".join(map(str, sorted(run.seed for run in group)))
        clips = ", ".join(dict.fromkeys(str(len(clips)) for clips in tables))
        table.add_row(variant, seeds, clips, *("–" if cell is None else str(cell) for cell in cells))
    return table


def _each(means: Sequence[dict[Any, float]], key: str) -> list[float]:
    return [mean[key] for mean in means if key in mean]


def _differences(pairs: Sequence[Pair]) -> Table:
    """A line a difference: interval over what its seeds and clips allow, and p after Holm's correction."""
    table = Table("variant", "minus", "figure", "difference", "95 % interval", "p", "verdict")
    for pair in pairs:
        interval = pair.interval
        what = "M_J"
        if pair.figure != "miou":
            what = f"G-mIoU, {CONDITIONS[pair.figure.removeprefix('g_miou_')]}"
        between = "–" if interval is None else f"{signed(interval.low)} to {signed(interval.high)}"
        table.add_row(
            pair.variant,
            pair.against,
            what,
            signed(pair.comparison.difference),
            between,
            "–" if pair.p is None else f"{pair.p:.3f}",
            pair.verdict,
        )
    return table
