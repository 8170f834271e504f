"""`avs`: the command for people. The stages of the pipeline are run by `dvc repro`."""

from __future__ import annotations

import sys

import typer

from pipeline.cli_compare import compare_command
from pipeline.cli_doctor import doctor_app
from pipeline.cli_labels import labels_app
from pipeline.cli_listen import listen_command
from pipeline.cli_predict import predict_command
from pipeline.cli_preset import preset_command
from pipeline.cli_score import score_command
from pipeline.cli_weights import weights_command
from pipeline.errors import PipelineError, message

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
