"""`avs labels propose`: a model's masks as boxes for annotators to correct."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipeline.cli import labels_project
from pipeline.cli.labels_project import TITLE, Project
from pipeline.config.paths import AUDIO, FRAMES, IMAGES
from pipeline.labels.studio.studio_home import FOLDER
from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import show

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.config.params import Params

PROPOSALS = FOLDER / "proposals.json"


def propose(
    checkpoint: Annotated[
        Path | None, typer.Option(help="A trained model: models/VARIANT-SEED/best.pt.", show_default=False)
    ] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            help="Another system's: a .npz with name, frame (1..5) and probability (F, H, W).",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name shown to annotators; by default the checkpoint's folder.", show_default=False
        ),
    ] = None,
    project: Project = TITLE,
    push_: Annotated[bool, typer.Option("--push/--no-push", help="Send them to Label Studio.")] = True,
) -> None:
    """Turn a model's masks into proposed boxes; annotators get the frames first of which it is least sure.

    Example: avs labels propose --checkpoint models/proposed-1/best.pt
    """
    from pipeline.labels.studio import propose as module
    from pipeline.labels.studio.frame_tasks import frames_to_label
    from pipeline.labels.studio.proposals import write_proposals

    if (checkpoint is None) == (probabilities is None):
        raise PipelineError("--checkpoint or --probabilities: give one of them.")
    if push_:
        with labels_project.studio():  # a missing extra or server is reported before the model runs
            pass
    params, catalog = labels_project.open_project()
    frames = frames_to_label(catalog, IMAGES, workers=labels_project.workers(params))
    maps: Iterable[np.ndarray]
    console = Console(soft_wrap=True)
    if checkpoint is not None:
        maps, name = _maps(checkpoint, params, catalog), checkpoint.absolute().parent.name
    else:
        assert probabilities is not None
        maps, frames, left = module.read_probabilities(probabilities, {one.frame: one for one in frames})
        name = "model"
        if left:
            console.print(f"{left} maps left out: they are not of frames to be labelled")
    proposals = module.propose(maps, frames, model or name)
    write_proposals(PROPOSALS, proposals)
    empty = sum(not one.boxes for one in proposals.frames.values())
    console.print(
        f"{len(proposals.frames)} frames proposed ({empty} without a box) as {proposals.model_version}",
        markup=False,
    )
    other = "" if project == TITLE else f" --project {shlex.quote(project)}"
    console.print(f"{PROPOSALS}: `avs labels push --proposals {PROPOSALS}{other}` sends them", markup=False)
    if push_:
        labels_project.push_frames(params, catalog, project, proposals)


def _maps(checkpoint: Path, params: Params, catalog: pd.DataFrame) -> Iterator[np.ndarray]:
    """The model's probabilities (S, S) for every frame of the train clips, in the catalogue's order."""
    import torch

    from pipeline.checkpoint.load import load_checkpoint
    from pipeline.data.catalog import rows_of
    from pipeline.evaluation.predict import predict_clips

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_checkpoint(checkpoint, device)
    clips = predict_clips(
        model,
        FRAMES,
        AUDIO,
        rows_of(catalog, "train"),
        device=device,
        batch_size=params.evaluate.batch_size,
        track=show,
    )
    return chain.from_iterable(clips)
