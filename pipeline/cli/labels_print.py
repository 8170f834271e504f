"""What the commands of `avs labels` tell on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from pipeline.utils.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.labels.review.quality import Quality
    from pipeline.labels.sync.from_studio import Collected
    from pipeline.labels.sync.merge import Merge

FEW = 10  # lines of a list


def show_quality(console: Console, quality: Quality) -> None:
    """The quality report in short."""
    progress = quality.progress
    done, all_ = int(progress["labelled"].sum()), int(progress["frames"].sum())
    console.print(f"{done} of {all_} frames labelled; {quality.usable} usable boxes")
    for category, labelled, frames in progress[["category", "labelled", "frames"]].to_numpy(object).tolist():
        console.print(f"  {category or '(several)'}: {labelled} of {frames}", highlight=False)
    if quality.seconds is not None:
        console.print(f"{quality.seconds:.0f} s a frame (median)")
    if sum(quality.outcomes.values()):
        console.print(
            "proposals: " + ", ".join(f"{count} {what}" for what, count in quality.outcomes.items())
        )
    agreement = quality.agreement
    if agreement.pairs:
        told = [("F1", agreement.f1), ("IoU", agreement.iou), ("kappa", agreement.kappa)]
        figures = ", ".join(f"{name} {value:.3f}" for name, value in told if value is not None)
        console.print(f"agreement over {agreement.pairs} pairs: {figures or 'nothing to compare'}")
    for row in quality.kinds.itertuples():
        console.print(f"  {row.level}: {row.count} {row.kind}: {row.meaning}", highlight=False)
    worst = [case for case in quality.cases if case.level == "error"]
    show_list(console, "errors", [f"{case.file}: {case.detail}" for case in worst])
    console.print("fit to train on" if quality.fit else f"not fit to train on: {_lacking(quality)}")


def show_settled(plan: Merge, collected: Collected, folder: Path) -> None:
    """What a pull or import did; exit status 1 where a person has to decide.

    Raises `PipelineError` if a source that was named gave no label.
    """
    console = Console(soft_wrap=True)
    console.print(
        f"{folder}: {len(plan.write)} labels written, {plan.same} as they were; {collected.empty} say that "
        f"the object is not visible, {collected.skipped} tasks skipped, {collected.several} with several "
        "annotations",
        markup=False,
    )
    for note, count in sorted(collected.notes.items()):
        console.print(f"  {count} boxes: {note}")
    show_list(console, "left out", [f"{what}: {why}" for what, why in collected.left_out], few=None)
    doubtful = [f"{what}: {why}" for what, why in collected.doubtful]
    show_list(console, "taken, but worth a look", doubtful, few=None)
    show_list(console, "no longer labelled there; kept here: remove what is wrong", plan.gone, few=None)
    show_list(console, "had been changed here, and were replaced", plan.replaced, few=None)
    show_list(
        console,
        "changed here, not there; kept (--theirs takes the other side)",
        plan.ours_changed,
        few=None,
    )
    show_list(
        console,
        "changed on both sides; kept as they are here. Decide with --theirs or --ours",
        plan.conflicts,
        few=None,
    )
    if plan.write:
        console.print(f"next: avs labels check; dvc add {folder}; dvc repro", markup=False)
    if collected.fruitless:
        raise PipelineError(
            "\n".join(f"{source}: gave no label: {why}" for source, why in collected.fruitless)
        )
    if plan.conflicts:
        raise typer.Exit(1)


def show_list(console: Console, what: str, lines: list[str], few: int | None = FEW) -> None:
    """The first lines of a list (all for None), and how many more there are; nothing for an empty one."""
    if not lines:
        return
    console.print(f"{what}: {len(lines)}")
    for line in lines[:few]:
        told = line.encode(errors="backslashreplace").decode()  # a name of a file need not be UTF-8
        console.print(f"  {told}", highlight=False, markup=False)
    if more := len(lines) - len(lines[:few]):
        console.print(f"  ... and {more} more")


def _lacking(quality: Quality) -> str:
    if quality.errors:
        return "mend the errors above"
    return "there is no usable box yet; `avs labels pull` or `avs labels import` brings boxes"
