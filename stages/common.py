"""Stage commands: errors shown as messages, early refusals, and the workers that share out a stage's work."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from pipeline.config.params import Compute, Model
from pipeline.utils.errors import PipelineError, message
from pipeline.utils.parallel import Workers
from pipeline.utils.progress import show

P = ParamSpec("P")


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Show a `PipelineError` or an I/O error as its message alone, and exit with status 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (PipelineError, OSError) as error:
            print(f"error: {message(error)}", file=sys.stderr)
            raise typer.Exit(1) from None

    return wrapped


def run(command: Callable[..., None]) -> None:
    """Run one stage command from the command line: `python -m stages.NAME --help`."""
    # SIGTERM raises KeyboardInterrupt, too, so that half-written files are removed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(plainly(command))
    app()


def refuse_unfit_backbone(model: Model) -> None:
    """Check `model.backbone` in the first stages, before hours of work on data that it cannot use.

    Raises:
        PipelineError: gives the reason.
    """
    from pipeline.model.backbone import check_backbone  # imports torch

    try:
        check_backbone(model.backbone)
    except ValueError as error:
        raise PipelineError(f"params.yaml:\n  model.backbone: {error}") from error


def workers(compute: Compute) -> Workers:
    """The workers that `compute` in params.yaml asks for, with a progress bar."""
    return Workers(compute.jobs, compute.backend, show)
