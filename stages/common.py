"""What every stage command shares: errors shown as messages, and where things lie."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from pipeline.utils.errors import PipelineError, message

P = ParamSpec("P")


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Show a `PipelineError`, or a disk that refuses, as its message alone and exit with status 1."""

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
    # ended by another program, it removes what it has half written, as when it is interrupted by hand
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(plainly(command))
    app()
