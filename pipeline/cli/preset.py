"""`avs preset`: choose a published experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.paths import PARAMS

Name = Annotated[str, typer.Argument(help="s4-resnet50, s4-pvt, ms3-resnet50 or ms3-pvt", metavar="PRESET")]
Root = Annotated[
    Path | None,
    typer.Option(
        help="The folder that holds Single-source/ or Multi-sources/: data.root.",
        exists=True,
        file_okay=False,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(help="The folder of VOC XML: labels.dir. Default: labels/voc.", file_okay=False),
]
Force = Annotated[bool, typer.Option("--force", help="Also replace values that were set by hand.")]


def preset_command(name: Name, root: Root = None, labels: Labels = None, force: Force = False) -> None:
    """Set params.yaml to a published experiment: the values of params/PRESET.yaml; all others stay.

    `git restore params.yaml` brings the demo back.

    Example: avs preset s4-resnet50 --root /data/AVSBench
    """
    from pipeline.config.params import load_params
    from pipeline.config.presets import apply_preset

    for line in apply_preset(name, root=root, labels=labels, force=force) or ["nothing to change"]:
        typer.echo(line)
    folder = load_params(PARAMS).labels.dir
    if not folder.exists():
        folder.mkdir(parents=True)
        typer.echo(f"{folder}: created, empty; fill it with `avs labels pull` or `avs labels import`")
    typer.echo("next: avs weights fetch, avs doctor data, dvc repro")
