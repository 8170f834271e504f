"""Project of `avs labels`: the files of this checkout, its Label Studio, and pushing frames to it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipeline.cli.labels_print import show_pushed
from pipeline.config.params import Params, load_params
from pipeline.config.paths import CATALOG, DEMO, IMAGES, LABELS_CLASSES, LABELS_CONFIG
from pipeline.labels.studio.studio_home import FOLDER, find_credentials, link_images, media_folder
from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import Track, no_progress, show

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.labels.studio.client import Studio
    from pipeline.labels.studio.proposals import Proposals
    from pipeline.utils.parallel import Workers

STATE = FOLDER / "sync.json"  # what labels here and there were when they were last synced

Project = Annotated[str, typer.Option("--project", help="Title of the Label Studio project.")]
TITLE = "avs-pipeline"


def open_project() -> tuple[Params, pd.DataFrame]:
    """Params and catalogue; labels that a killed pull moved away are put back first."""
    from pipeline.data.catalog import read_catalog
    from pipeline.labels.voc.folder_transaction import exclusive_lock, interrupted_swap_exists

    params = load_params()
    if interrupted_swap_exists(params.labels.dir):
        with exclusive_lock(params.labels.dir) as put_back:
            if put_back:
                Console(soft_wrap=True).print(
                    f"{params.labels.dir}: put back as before a killed pull or import; run that again",
                    markup=False,
                )
    return params, read_catalog(CATALOG)


def project_classes(catalog: pd.DataFrame) -> tuple[str, ...]:
    """The classes that annotators choose from."""
    from pipeline.labels.voc.classes import classes_of

    return classes_of(catalog, LABELS_CLASSES)


def writable_labels(params: Params) -> Path:
    """labels.dir.

    Raises:
        PipelineError: it is in the demo's folder, where `dvc repro` would overwrite what people draw.
    """
    folder = params.labels.dir
    if folder.resolve().is_relative_to(DEMO.resolve()):
        raise PipelineError(
            f"{folder}: is made by the pipeline, which would overwrite what people draw. Set labels.dir in "
            "params.yaml to a folder of your own, such as labels/voc."
        )
    return folder


def workers(params: Params, track: Track = no_progress) -> Workers:
    """The workers that params ask for."""
    from pipeline.utils.parallel import Workers

    return Workers(params.compute.jobs, params.compute.backend, track)


@contextlib.contextmanager
def studio() -> Iterator[Studio]:
    """The Label Studio of this checkout, logged in, closed at the end."""
    from pipeline.labels.studio.client import Studio as Client

    credentials = find_credentials(FOLDER, os.environ)
    with Client(credentials.url, credentials.token, credentials.name) as studio:
        yield studio


def push_frames(params: Params, catalog: pd.DataFrame, title: str, proposals: Proposals | None) -> None:
    """Make every frame of the train clips a task of the project `title`, and print how many are new."""
    from pipeline.labels.studio.config import make_config
    from pipeline.labels.studio.frame_tasks import frames_to_label
    from pipeline.labels.studio.push import push as run
    from pipeline.labels.studio.sounds import write_sounds

    shown_workers = workers(params, show)
    media = media_folder(FOLDER)
    try:
        template = LABELS_CONFIG.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"{LABELS_CONFIG}: cannot be read ({error}); `git checkout {LABELS_CONFIG}` brings it back."
        ) from error
    config = make_config(template, project_classes(catalog))
    with studio() as server:
        link_images(FOLDER, IMAGES)
        frames = frames_to_label(catalog, IMAGES, workers=shown_workers)
        write_sounds(catalog, media / "sounds", workers=shown_workers)
        done = run(server, title, config, frames, media, proposals=proposals, track=show)
        show_pushed(f"{server.url}/projects/{done.project}", done)
