"""`avs doctor`: check data and labels before any stage runs."""

from __future__ import annotations

from pathlib import Path

import typer

from pipeline.config import paths

PARAMS = typer.Option(paths.PARAMS, "--params", help="The parameters to check by.")
SHOW = typer.Option(20, "--show", min=0, help="How many problems of each kind to list.")

doctor_app = typer.Typer()


@doctor_app.callback(invoke_without_command=True)
def doctor(context: typer.Context, params: Path = PARAMS, show: int = SHOW) -> None:
    """Count clips, frames, sounds, masks and boxes, and list what is missing. Exit status 1 if anything is.

    Example: avs doctor
    """
    if context.invoked_subcommand is None:
        data(params, show)


@doctor_app.command("data")
def data(params: Path = PARAMS, show: int = SHOW) -> None:
    """The same as `avs doctor`.

    Example: avs doctor data
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.cli.data_check import check_data
    from pipeline.config.params import load_params

    settings = load_params(params)
    counts = check_data(settings)
    console = Console()
    table = Table(title=f"{settings.data.source}: {settings.data.root}")
    table.add_column("")
    for column in ("what", "found", "expected"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for count in counts:
        mark = "[green]✓" if count.good else "[red]✗"
        table.add_row(mark, count.what, f"{count.found:,}", f"{count.expected:,}")
    console.print(table)
    for count in counts:
        for title, lines in ((count.what, count.missing), (f"{count.what}: notes", count.notes)):
            if lines:
                console.print(f"[bold]{escape(title)}")
            for line in lines[:show]:
                console.print(f"  {escape(line)}", soft_wrap=True)
            if len(lines) > show:
                console.print(f"  ... and {len(lines) - show} more")
    if not all(count.good for count in counts):
        raise typer.Exit(1)
