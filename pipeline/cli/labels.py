"""`avs labels`: the annotation loop.

Commands import what they need when they run, so that `avs --help` is fast.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipeline.cli import labels_project
from pipeline.cli.labels_print import show_list, show_merge, show_quality
from pipeline.cli.labels_project import TITLE, Project
from pipeline.cli.labels_propose import propose
from pipeline.config.paths import IMAGES, LABELS_REPORT
from pipeline.labels.studio.studio_home import (
    FOLDER,
    find_credentials,
    link_images,
    make_credentials,
)
from pipeline.utils.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.labels.sync.merge import Side

labels_app = typer.Typer(
    no_args_is_help=True,
    help="Label Studio and labelImg: from frames to checked boxes and back.\n\n"
    "Example: avs labels serve --install",
)
Theirs = Annotated[
    bool,
    typer.Option(
        "--theirs",
        help="Where a file here was changed too, take the other side, except where --ours kept it before.",
    ),
]
Ours = Annotated[bool, typer.Option("--ours", help="Where a file here was changed too, keep it from now on.")]


@labels_app.command()
def serve(
    port: Annotated[int, typer.Option(min=1024, max=65535)] = 8080,
    install: Annotated[
        bool, typer.Option("--install", help="Install Label Studio into an environment of its own.")
    ] = False,
) -> None:
    """Start a Label Studio for this project, on this machine only, until Ctrl-C.

    SQLite by default; PostgreSQL with DJANGO_DB=default and POSTGRE_NAME, POSTGRE_USER, POSTGRE_PASSWORD,
    POSTGRE_HOST and POSTGRE_PORT in the environment. LABEL_STUDIO_COMMAND names another server command.

    Example: avs labels serve --install
    """
    from pipeline.labels.studio import server

    environment = server.own_environment()
    command = server.install(FOLDER) if install else server.find_command(FOLDER, environment)
    server.refuse_taken(port)  # before its address is written where `push` and `pull` find it
    credentials = make_credentials(FOLDER, f"http://{server.HOST}:{port}")
    link_images(FOLDER, IMAGES)
    console = Console(soft_wrap=True)
    console.print("starting Label Studio (the first time takes a minute) ...")
    # so that the server is stopped too when another program ends this one
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = server.start(command, FOLDER, credentials, environment, port)
    try:
        console.print(f"Label Studio: {credentials.url}")
        if console.is_terminal:  # never into a log
            console.print(
                f"log in as {credentials.username} with password {credentials.password}", markup=False
            )
        else:
            console.print(f"log in as {credentials.username}; the password is in {FOLDER}/credentials.json")
        console.print("next: avs labels push. Ctrl-C stops the server; what was drawn stays.")
        process.wait()
        raise PipelineError(f"Label Studio ended (status {process.returncode}); see {FOLDER}/server/log.")
    except KeyboardInterrupt:
        console.print("stopping")
    finally:
        server.stop(process)


@labels_app.command()
def push(
    project: Project = TITLE,
    proposals: Annotated[
        Path | None, typer.Option(help="Proposals, as `avs labels propose` writes them.")
    ] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Propose the labels that exist already.")] = False,
) -> None:
    """Make every frame of the train clips a task; adds only what is missing, and changes no annotation.

    Example: avs labels push
    """
    from pipeline.labels.studio.proposals import from_boxes, read_proposals
    from pipeline.labels.voc.table import read_labels

    if proposals is not None and labels:
        raise PipelineError("--proposals and --labels: choose one of them.")
    params, catalog = labels_project.open_project()
    proposed = read_proposals(proposals) if proposals is not None else None
    if labels:
        classes = labels_project.project_classes(catalog)
        workers = labels_project.workers(params)
        boxes, _ = read_labels(params.labels.dir, catalog, classes, workers=workers)
        proposed = from_boxes(boxes)
    labels_project.push_frames(params, catalog, project, proposed)


@labels_app.command()
def pull(project: Project = TITLE, theirs: Theirs = False, ours: Ours = False) -> None:
    """Write annotations as VOC XML into labels.dir; files changed by hand are replaced only with --theirs.

    Example: avs labels pull
    """
    from pipeline.data.catalog import clips_by_name
    from pipeline.labels.sync.pull import pull as run

    params, catalog = labels_project.open_project()
    folder = labels_project.writable_labels(params)
    clips = clips_by_name(catalog)
    with labels_project.studio() as server:
        plan, collected = run(server, project, folder, clips, labels_project.STATE, _side(theirs, ours))
    show_merge(plan, collected, folder)


@labels_app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Folders or files: VOC XML, Label Studio JSON.")],
    theirs: Theirs = False,
    ours: Ours = False,
) -> None:
    """Import labelImg folders and Label Studio exports, in any layout; every file left out is listed.

    Exit status 1 if a named source gives no label. Of several labels for one frame one counts: of Label
    Studio's the ground truth, then the latest, whichever export holds it; otherwise the first, and of a
    folder's VOC XML the least deep.

    Example: avs labels import ~/labelimg export.json
    """
    from pipeline.data.catalog import clips_by_name
    from pipeline.labels.sync.import_labels import read_sources
    from pipeline.labels.sync.pull import merge_into_folder

    params, catalog = labels_project.open_project()
    folder = labels_project.writable_labels(params)
    clips = clips_by_name(catalog)
    collected = read_sources(sources, clips)
    plan = merge_into_folder(folder, collected, clips, labels_project.STATE, _side(theirs, ours))
    show_merge(plan, collected, folder)


@labels_app.command()
def export(
    target: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    images: Annotated[bool, typer.Option("--images", help="Copy all frames of the train clips too.")] = False,
) -> None:
    """Export the labels as labelImg opens them: one flat folder of VOC XML, with classes.txt.

    Example: avs labels export ~/labelimg --images
    """
    from pipeline.data.catalog import clips_by_name
    from pipeline.labels.sync.export_voc import export_voc

    params, catalog = labels_project.open_project()
    clips, classes = clips_by_name(catalog), labels_project.project_classes(catalog)
    shown = IMAGES if images else None
    done = export_voc(params.labels.dir, clips, classes, target, labels_project.STATE, shown)
    console = Console(soft_wrap=True)
    console.print(f"{target}: {done.labels} labels, {done.images} images", markup=False)
    show_list(console, "left out", [f"{what}: {why}" for what, why in done.left_out], few=None)


@labels_app.command()
def check(
    folder: Annotated[
        Path | None, typer.Option("--labels", help="The label folder; labels.dir by default.")
    ] = None,
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = LABELS_REPORT,
) -> None:
    """Check the labels; exit status 1 if they are not fit to train on. `dvc repro` applies the same rules.

    Example: avs labels check --report data/labels.html
    """
    from pipeline.data.catalog import clips_by_name
    from pipeline.labels.review.annotations import distinct, read_annotations
    from pipeline.labels.review.check_report import write_report
    from pipeline.labels.review.quality import assess
    from pipeline.labels.voc.table import check as apply_rules
    from pipeline.labels.voc.table import read_folder

    if report.is_dir():
        raise PipelineError(f"{report}: is a folder; name a file, such as {report / LABELS_REPORT.name}.")
    params, catalog = labels_project.open_project()
    folder = folder or params.labels.dir
    labels = read_folder(folder, catalog, workers=labels_project.workers(params))
    usable, problems = apply_rules(labels, catalog, labels_project.project_classes(catalog))
    quality = assess(catalog, labels, usable, problems, distinct(read_annotations(folder)))
    server = ""
    with contextlib.suppress(PipelineError):  # no server known: no links
        server = find_credentials(FOLDER, os.environ).url
    write_report(report, quality, folder, clips_by_name(catalog), IMAGES, server)
    show_quality(Console(soft_wrap=True), quality)
    print(f"report: {report}")
    if not quality.fit:
        raise typer.Exit(1)


labels_app.command()(propose)


def _side(theirs: bool, ours: bool) -> Side | None:
    if theirs and ours:
        raise PipelineError("--theirs and --ours: choose one of them.")
    return "theirs" if theirs else "ours" if ours else None
