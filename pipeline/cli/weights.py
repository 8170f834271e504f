"""`avs weights`: fetch and check pretrained weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.utils.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.utils.weight_files import Weights

FOLDER = Path("weights")

weights_command = typer.Typer(
    no_args_is_help=True,
    help=f"Pretrained weights, in {FOLDER}/.\n\nExample: avs weights fetch resnet50",
)

Names = Annotated[
    list[str] | None,
    typer.Argument(help="encoders or vggish; by default the four of the presets", show_default=False),
]
Folder = Annotated[Path, typer.Option(help="where the pipeline looks for them")]
From = Annotated[
    Path | None, typer.Option("--from", help="a folder that holds the files, instead of the network")
]


@weights_command.command("fetch")
def fetch_command(names: Names = None, folder: Folder = FOLDER, source: From = None) -> None:
    """Download weights, or copy them from a folder, and check their hashes.

    Example: avs weights fetch resnet50 vggish convnext_tiny.in12k --from /media/weights
    """
    from pipeline.checkpoint.weights import fetch
    from pipeline.utils.progress import show

    for weights in _chosen(names):
        path = fetch(weights, folder, source, track=show)
        typer.echo(f"{weights.name}: {path} {_verdict(weights)}")


@weights_command.command("check")
def check_command(names: Names = None, folder: Folder = FOLDER) -> None:
    """Report which weights are there and complete; exit with status 1 when one is not.

    Example: avs weights check resnet50
    """
    from pipeline.checkpoint.weights import check

    problems = []
    for weights in _chosen(names):
        try:
            typer.echo(f"{weights.name}: {check(weights, folder)} {_verdict(weights)}")
        except PipelineError as error:
            problems.append(str(error))
    if problems:
        raise PipelineError("\n       ".join(problems))


def _chosen(names: list[str] | None) -> list[Weights]:
    from pipeline.checkpoint.weights import WEIGHTS, find_weights

    return [find_weights(name) for name in names or WEIGHTS]


def _verdict(weights: Weights) -> str:
    if weights.sha256:
        return "is complete (its SHA-256 begins as published)"
    return "is there (no hash is published for it; it is compared with the one seen when it was fetched)"
