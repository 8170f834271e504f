"""Evaluated models against each other on the terminal, of one checkout or of many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou
from pipeline.report.compare import Pair, by_variant, common_seeds, compare_variants, pairs_to_compare
from pipeline.report.inputs import Run, read_table
from pipeline.report.listening import compare_listening
from pipeline.report.tables import SHORT_CONDITION_NAMES, mean_of
from pipeline.report.text import p_value, signed
from pipeline.utils.errors import PipelineError

FIGURES = (
    "M_J",
    "M_J, another's",
    *(f"G-mIoU, {SHORT_CONDITION_NAMES[name]}" for name in NEGATIVE_CONDITIONS),
    "area",
    "swap test",
)


def print_comparison(folders: Sequence[Path], console: Console, *, seed: int) -> None:
    """Print means over seeds, and paired differences with intervals and corrected p values.

    Args:
        folders: VARIANT-SEED with a per_clip.csv each, as the stage `evaluate` writes.
        console: where to print.
        seed: of the bootstrap over clips.

    Raises:
        PipelineError: a folder is named otherwise, has no scores, or repeats a variant and seed.
    """
    found: dict[str, Run] = {}
    for folder in folders:
        run = _read(folder)
        if run.name in found:
            raise PipelineError(f"{folder}: a second {run.name}; give one of each variant and seed.")
        found[run.name] = run
    runs = [run for group in by_variant(list(found.values())).values() for run in group]
    console.print(_means(runs))
    tables = compare_variants(runs, seed=seed), compare_listening(runs, seed=seed)
    for pairs in tables:
        if pairs:  # p values are corrected within a table, as in the report
            console.print(_differences(pairs))
    for line in _not_compared(runs) + _dropped(runs, [pair for pairs in tables for pair in pairs]):
        console.print(line)


def _read(folder: Path) -> Run:
    variant, dash, number = folder.name.rpartition("-")
    if not (dash and variant and number.isdecimal()):
        raise PipelineError(f"{folder}: is not called VARIANT-SEED; give folders as in data/eval.")
    clips = read_table(folder / "per_clip.csv", ("name", "miou"))
    if clips is None or clips["miou"].isna().all():
        raise PipelineError(f"{folder}: has no per_clip.csv with scores; run `dvc repro evaluate`.")
    return Run(variant, int(number), {"miou": float(clips["miou"].mean())}, clips)


def _means(runs: Sequence[Run]) -> Table:
    """One line per figure and variant: mean over seeds ± standard deviation."""
    table = Table("figure", "variant", "mean ± sd", "seeds", "clips")
    groups = by_variant(runs)
    figures = {variant: [_figures(run) for run in group] for variant, group in groups.items()}
    for key in FIGURES:
        for variant, group in groups.items():
            mean = mean_of(each[key] for each in figures[variant] if key in each)
            if mean is not None:
                seeds = ", ".join(map(str, sorted(run.seed for run in group)))
                clips = ", ".join(
                    dict.fromkeys(str(len(run.clips)) for run in group if run.clips is not None)
                )
                table.add_row(key, variant, str(mean), seeds, clips)
        table.add_section()
    return table


def _not_compared(runs: Sequence[Run]) -> list[str]:
    """One line for each pair of variants that should be compared and share no seed."""
    return [
        f"{variant} and {against} share no seed, so that they are not compared; give the same seeds of both."
        for variant, against in pairs_to_compare(runs)
        if not common_seeds(runs, variant, against)[0]
    ]


def _dropped(runs: Sequence[Run], pairs: Sequence[Pair]) -> list[str]:
    """One line for the differences of two variants over equally many clips, where any are dropped."""
    figures: dict[tuple[str, str, int], list[str]] = {}
    for pair in pairs:
        figures.setdefault((pair.variant, pair.against, pair.comparison.n_clips), []).append(_figure_of(pair))
    lines = []
    for (variant, against, clips), names in figures.items():
        first, second = common_seeds(runs, variant, against)
        seeds = {run.seed for run in first}
        others = {run.seed for run in runs if run.variant in (variant, against)} - seeds
        given = {name for run in [*first, *second] if run.clips is not None for name in run.clips["name"]}
        if others or clips < len(given):
            without = f" (not {', '.join(map(str, sorted(others)))})" if others else ""
            lines.append(
                f"{variant} minus {against} ({'; '.join(names)}): over {clips} of {len(given)} clips and "
                f"seed {', '.join(map(str, sorted(seeds)))}{without}; only of these all runs have scores."
            )
    return lines


def _figures(run: Run) -> dict[str, float]:
    """The `FIGURES` of one run; a condition that no clip has leaves an empty column."""
    assert run.clips is not None
    mean = run.clips.mean(numeric_only=True).dropna().to_dict()
    present = [name for name in NEGATIVE_CONDITIONS if f"miou_{name}" in mean]
    found = {"M_J": mean["miou"]}
    if "miou_other_category" in mean:
        found["M_J, another's"] = mean["miou_other_category"]
    for name in present:
        # over the clips that have this condition, as the negative half of G-mIoU
        own = float(run.clips["miou"][run.clips[f"miou_{name}"].notna()].mean())
        found[f"G-mIoU, {SHORT_CONDITION_NAMES[name]}"] = g_miou(own, mean[f"miou_{name}"])
    if present:
        found["area"] = float(np.mean([mean[f"area_{name}"] for name in present]))
    if "swap_passed" in mean:
        found["swap test"] = mean["swap_passed"]
    return found


def _differences(pairs: Sequence[Pair]) -> Table:
    """One line per difference: interval over what its seeds and clips allow, p after Holm's correction."""
    table = Table("figure", "of", "difference, 95 %", "p", "verdict")
    table.columns[2].no_wrap = True
    for pair in pairs:
        interval = pair.interval
        between = "" if interval is None else f" ({signed(interval.low)} to {signed(interval.high)})"
        table.add_row(
            _figure_of(pair),
            f"{pair.variant} minus {pair.against}",
            f"{signed(pair.comparison.difference)}{between}",
            p_value(pair.p),
            pair.verdict,
        )
    return table


def _figure_of(pair: Pair) -> str:
    return (
        "M_J"
        if pair.figure == "miou"
        else f"G-mIoU, {SHORT_CONDITION_NAMES[pair.figure.removeprefix('g_miou_')]}"
    )
