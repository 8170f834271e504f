"""`avs weights`: fetch and check pretrained weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.utils.errors import PipelineError

FOLDER = Path("weights")

weights_command = typer.Typer(
    no_args_is_help=True,
    help=f"Pretrained weights, in {FOLDER}/.\n\nExample: avs weights fetch resnet50",
)

Names = Annotated[list[str] | None, typer.Argument(help="which; all when none is named", show_default=False)]
Folder = Annotated[Path, typer.Option(help="where the pipeline looks for them")]
From = Annotated[
    Path | None, typer.Option("--from", help="a folder that holds the files, instead of the network")
]


@weights_command.command("fetch")
def fetch_command(names: Names = None, folder: Folder = FOLDER, source: From = None) -> None:
    """Download weights, or take them from a folder, and check their hashes.

    Example: avs weights fetch resnet50 vggish --from /media/weights
    """
    from pipeline.checkpoint.weights import WEIGHTS, fetch
    from pipeline.utils.progress import show

    for name in _chosen(names):
        path = fetch(WEIGHTS[name], folder, source, track=show)
        typer.echo(f"{name}: {path} {_verdict(name)}")


@weights_command.command("check")
def check_command(names: Names = None, folder: Folder = FOLDER) -> None:
    """Say which weights are there and whole; exit with status 1 when one is not.

    Example: avs weights check resnet50
    """
    from pipeline.checkpoint.weights import WEIGHTS, check

    problems = []
    for name in _chosen(names):
        try:
            typer.echo(f"{name}: {check(WEIGHTS[name], folder)} {_verdict(name)}")
        except PipelineError as error:
            problems.append(str(error))
    if problems:
        raise PipelineError("\n       ".join(problems))


def _chosen(names: list[str] | None) -> list[str]:
    from pipeline.checkpoint.weights import WEIGHTS

    unknown = [name for name in names or [] if name not in WEIGHTS]
    if unknown:
        raise PipelineError(f"weights: {', '.join(unknown)}: not known; choose from {', '.join(WEIGHTS)}.")
    return names or list(WEIGHTS)


def _verdict(name: str) -> str:
    from pipeline.checkpoint.weights import WEIGHTS

    if WEIGHTS[name].sha256:
        return "is whole (its SHA-256 begins as published)"
    return "is there (no hash is published for it; it is compared with the one seen when it was fetched)"
