"""`avs`: the command for people. The stages of the pipeline are run by `dvc repro`."""

from __future__ import annotations

import sys

import typer

from pipeline.cli.compare import compare_command
from pipeline.cli.doctor import doctor_app
from pipeline.cli.labels import labels_app
from pipeline.cli.listen import listen_command
from pipeline.cli.predict import predict_command
from pipeline.cli.preset import preset_command
from pipeline.cli.score import score_command
from pipeline.cli.weights import weights_command
from pipeline.utils.errors import PipelineError, message

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Audio-visual segmentation: labels, weights, predictions, checks. "
    "The pipeline itself: `dvc repro`.\n\n"
    "Example: avs predict holiday.mp4",
)
app.add_typer(labels_app, name="labels")
app.add_typer(doctor_app, name="doctor")
app.add_typer(weights_command, name="weights")
app.command("listen")(listen_command)
app.command("compare")(compare_command)
app.command("preset")(preset_command)
app.command("score")(score_command)
app.command("predict")(predict_command)


def main() -> None:
    """Run `avs`; a `PipelineError`, or a disk that refuses, is shown as a message alone; exit status 1."""
    try:
        app()
    except (PipelineError, OSError) as error:
        print(f"error: {message(error)}", file=sys.stderr)
        sys.exit(1)
