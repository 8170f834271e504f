"""Terminal output of `avs labels`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from pipeline.utils.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.labels.review.quality import Quality
    from pipeline.labels.studio.push import Pushed
    from pipeline.labels.sync.from_studio import Collected
    from pipeline.labels.sync.merge import Merge

FEW = 10  # lines of a list


def show_quality(console: Console, quality: Quality) -> None:
    """Print the quality report in short."""
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
        measures = [("F1", agreement.f1), ("IoU", agreement.iou), ("kappa", agreement.kappa)]
        figures = ", ".join(f"{name} {value:.3f}" for name, value in measures if value is not None)
        console.print(f"agreement over {agreement.pairs} pairs: {figures or 'nothing to compare'}")
    for row in quality.kinds.itertuples():
        console.print(f"  {row.level}: {row.count} {row.kind}: {row.meaning}", highlight=False)
    worst = [case for case in quality.cases if case.level == "error"]
    show_list(console, "errors", [f"{case.file}: {case.detail}" for case in worst])
    console.print("fit to train on" if quality.fit else f"not fit to train on: {_why_unfit(quality)}")


def show_pushed(address: str, done: Pushed) -> None:
    """Print what a push did to the project at `address`."""
    console = Console(soft_wrap=True)
    console.print(
        f"{address}: {done.added} tasks added, {done.existing} existed; {done.proposals} proposals added",
        markup=False,
    )
    if done.config_replaced:
        console.print("its labelling configuration was another one and was replaced by this project's")
    if done.updated:
        console.print(f"{done.updated} tasks that nobody had worked on were updated to show their frames")
    show_list(
        console, "worked on, and changed here since; left alone: look at them again", list(done.changed)
    )
    show_list(console, "frames with several tasks in the project", list(done.doubled))
    show_list(console, "tasks that show no frame of this project's train clips", list(done.unknown))


def show_merge(plan: Merge, collected: Collected, folder: Path) -> None:
    """Print what a pull or import did.

    Raises:
        PipelineError: a source that was named gave no label.
        typer.Exit: with status 1 where a person has to decide.
    """
    console = Console(soft_wrap=True)
    console.print(
        f"{folder}: {len(plan.write)} labels written, {plan.same} unchanged; {collected.empty} say that "
        f"the object is not visible, {collected.skipped} tasks skipped, {collected.several} with several "
        "annotations",
        markup=False,
    )
    for note, count in sorted(collected.notes.items()):
        console.print(f"  {count} boxes: {note}")
    lists = {
        "left out": [f"{what}: {why}" for what, why in collected.left_out],
        "taken, but worth a look": [f"{what}: {why}" for what, why in collected.doubtful],
        "no longer labelled there; kept here: remove what is wrong": plan.gone,
        "had been changed here, and were replaced": plan.replaced,
        "changed here, not there; kept (--theirs takes the other side)": plan.ours_changed,
        "changed on both sides; kept as they are here. Decide with --theirs or --ours": plan.conflicts,
        "removed here, and not written again. Decide with --theirs (write) or --ours (leave)": plan.removed,
    }
    for what, lines in lists.items():
        show_list(console, what, lines, few=None)
    if plan.write:
        console.print(f"next: avs labels check; dvc add {folder}; dvc repro", markup=False)
    if collected.empty_sources:
        raise PipelineError(
            "\n".join(f"{source}: gave no label: {why}" for source, why in collected.empty_sources)
        )
    if plan.conflicts or plan.removed:
        raise typer.Exit(1)


def show_list(console: Console, what: str, lines: list[str], few: int | None = FEW) -> None:
    """Print the first `few` lines of a list (all for None) and how many more there are; nothing if empty."""
    if not lines:
        return
    console.print(f"{what}: {len(lines)}")
    for line in lines[:few]:
        printable = line.encode(errors="backslashreplace").decode()  # file names need not be UTF-8
        console.print(f"  {printable}", highlight=False, markup=False)
    if more := len(lines) - len(lines[:few]):
        console.print(f"  ... and {more} more")


def _why_unfit(quality: Quality) -> str:
    if quality.errors:
        return "fix the errors above"
    return "there is no usable box yet; `avs labels pull` or `avs labels import` brings boxes"
