"""`avs doctor`: what is wrong, before hours of work are spent on it."""

from __future__ import annotations

from pathlib import Path

import typer

from pipeline.config.paths import PARAMS

doctor_app = typer.Typer(
    no_args_is_help=True,
    help="Check data and labels before any stage runs.\n\nExample: avs doctor data",
)


@doctor_app.callback()
def _group() -> None:
    """Keep `data` a command of its own while it is the only one."""


@doctor_app.command("data")
def data(
    params: Path = typer.Option(PARAMS, help="The parameters to check by."),
    show: int = typer.Option(20, min=0, help="How many things of each kind to name."),
) -> None:
    """Count clips, frames, sounds, masks and boxes; name what is missing. Exit status 1 if anything is.

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
        for title, lines in ((count.what, count.missing), (f"{count.what}, to note", count.notes)):
            if lines:
                console.print(f"[bold]{escape(title)}")
            for line in lines[:show]:
                console.print(f"  {escape(line)}", soft_wrap=True)
            if len(lines) > show:
                console.print(f"  ... and {len(lines) - show} more")
    if not all(count.good for count in counts):
        raise typer.Exit(1)
