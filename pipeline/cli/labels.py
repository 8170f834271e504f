"""`avs labels`: the annotators' loop. Imports what it needs when a command runs, so that `avs --help` is
quick.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipeline.cli import labels_project as place
from pipeline.cli.labels_print import show_list, show_quality, show_settled
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
        help="Where a file here was changed too: take the other side, but for what --ours settled before.",
    ),
]
Ours = Annotated[
    bool, typer.Option("--ours", help="Where a file here was changed too: keep it, and settle that.")
]


@labels_app.command()
def serve(
    port: Annotated[int, typer.Option(min=1024, max=65535)] = 8080,
    install: Annotated[
        bool, typer.Option("--install", help="Install Label Studio into an environment of its own.")
    ] = False,
) -> None:
    """Start a Label Studio for this project, on this machine alone, until Ctrl-C.

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
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by another program: end the server too
    process = server.start(command, FOLDER, credentials, environment, port)
    try:
        console.print(f"Label Studio: {credentials.url}")
        if console.is_terminal:  # never into a log
            console.print(
                f"log in as {credentials.username} with password {credentials.password}", markup=False
            )
        else:
            console.print(
                f"log in as {credentials.username}; the password stands in {FOLDER}/credentials.json"
            )
        console.print("next: avs labels push. Ctrl-C ends the server; what was drawn stays.")
        process.wait()
        raise PipelineError(
            f"Label Studio ended (status {process.returncode}); {FOLDER}/server/log tells why."
        )
    except KeyboardInterrupt:
        console.print("ending")
    finally:
        server.stop(process)


@labels_app.command()
def push(
    project: Project = TITLE,
    proposals: Annotated[
        Path | None, typer.Option(help="Proposals, as `avs labels propose` writes them.")
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Propose the labels that are here already.")
    ] = False,
) -> None:
    """Make every frame of the train clips a task: repeatable, adds only what lacks, touches nothing
    annotated.

    Example: avs labels push
    """
    from pipeline.labels.studio.proposals import from_boxes, read_proposals
    from pipeline.labels.voc.table import read_labels

    if proposals is not None and labels:
        raise PipelineError("--proposals and --labels: choose one of them.")
    params, catalog = place.open_project()
    proposed = read_proposals(proposals) if proposals is not None else None
    if labels:
        boxes, _ = read_labels(
            params.labels.dir, catalog, jobs=params.compute.jobs, backend=params.compute.backend
        )
        proposed = from_boxes(boxes)
    place.push_frames(params, catalog, project, proposed)


@labels_app.command()
def pull(project: Project = TITLE, theirs: Theirs = False, ours: Ours = False) -> None:
    """Bring annotations back as VOC XML into labels.dir; never overwrites a file changed by hand without
    being told.

    Example: avs labels pull
    """
    from pipeline.labels.sync.pull import pull as run
    from pipeline.labels.voc.table import homes

    params, catalog = place.open_project()
    folder = place.writable(params)
    with place.studio() as studio:
        plan, collected = run(studio, project, folder, homes(catalog), place.RECORD, _side(theirs, ours))
    show_settled(plan, collected, folder)


@labels_app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Folders or files: VOC XML, Label Studio JSON.")],
    theirs: Theirs = False,
    ours: Ours = False,
) -> None:
    """Take over labelImg folders and Label Studio exports, however laid out; every file left out is
    listed; exit status 1 if one that is named gives no label.

    Of several labels for one frame one counts: of Label Studio's ground truth, then the latest, whichever
    export holds it; otherwise the first, and of a folder's VOC XML the least deep.

    Example: avs labels import ~/labelimg export.json
    """
    from pipeline.labels.sync.import_labels import read_sources
    from pipeline.labels.sync.pull import merge_into_folder
    from pipeline.labels.voc.table import homes

    params, catalog = place.open_project()
    folder = place.writable(params)
    clips = homes(catalog)
    collected = read_sources(sources, clips)
    plan = merge_into_folder(folder, collected, clips, place.RECORD, _side(theirs, ours))
    show_settled(plan, collected, folder)


@labels_app.command()
def export(
    target: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    images: Annotated[bool, typer.Option("--images", help="Copy all frames of the train clips too.")] = False,
) -> None:
    """Write the labels as labelImg opens them: one flat folder of VOC XML with classes.txt.

    Example: avs labels export ~/labelimg --images
    """
    from pipeline.labels.sync.export_voc import export_voc
    from pipeline.labels.voc.table import homes

    params, catalog = place.open_project()
    shown = IMAGES if images else None
    done = export_voc(params.labels.dir, homes(catalog), target, place.RECORD, shown)
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
    """Judge the labels; exit status 1 if they are not fit to train on. `dvc repro` applies the same rules.

    Example: avs labels check --report data/labels.html
    """
    from pipeline.labels.review.annotations import distinct, read_annotations
    from pipeline.labels.review.check_report import write_report
    from pipeline.labels.review.quality import assess
    from pipeline.labels.voc.table import check as judge
    from pipeline.labels.voc.table import homes, read_folder

    if report.is_dir():
        raise PipelineError(f"{report}: is a folder; name a file, such as {report / LABELS_REPORT.name}.")
    params, catalog = place.open_project()
    folder = folder or params.labels.dir
    drawn = read_folder(folder, catalog, jobs=params.compute.jobs, backend=params.compute.backend)
    usable, problems = judge(drawn, catalog)
    quality = assess(catalog, drawn, usable, problems, distinct(read_annotations(folder)))
    server = ""
    with contextlib.suppress(PipelineError):  # no server known: no links
        server = find_credentials(FOLDER, os.environ).url
    write_report(report, quality, folder, homes(catalog), IMAGES, server)
    show_quality(Console(soft_wrap=True), quality)
    print(f"report: {report}")
    if not quality.fit:
        raise typer.Exit(1)


labels_app.command()(propose)


def _side(theirs: bool, ours: bool) -> Side | None:
    if theirs and ours:
        raise PipelineError("--theirs and --ours: choose one of them.")
    return "theirs" if theirs else "ours" if ours else None
