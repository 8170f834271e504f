"""`avs labels`: the annotators' loop. Imports what it needs when a command runs, so that `avs --help` is
quick.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.errors import PipelineError
from pipeline.labels.workplace import FOLDER, find_credentials, link_images, make_credentials, media_folder
from pipeline.params import Params, load_params
from pipeline.progress import show

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.labels.client import Studio
    from pipeline.labels.merge import Merge, Side
    from pipeline.labels.pull import Collected
    from pipeline.labels.quality import Quality

CATALOG = Path("data/catalog.parquet")
IMAGES = Path("data/frames/images")
AUDIO = Path("data/audio")
DEMO = Path("data/demo")
CONFIG = Path("labels/label_studio.xml")
REPORT = Path("data/labels.html")  # reports/ belongs to the stage `report`
PROPOSALS = FOLDER / "proposals.json"
RECORD = FOLDER / "met.json"  # how labels here and there last met
FEW = 10  # lines of a list on the terminal

labels_app = typer.Typer(
    no_args_is_help=True, help="Label Studio and labelImg: from frames to checked boxes and back."
)
Project = Annotated[str, typer.Option("--project", help="Title of the Label Studio project.")]
Theirs = Annotated[
    bool, typer.Option("--theirs", help="Where a file here was changed by hand: take the other side.")
]
Ours = Annotated[
    bool, typer.Option("--ours", help="Where a file here was changed by hand: keep it, and settle that.")
]
TITLE = "avs-pipeline"


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
    """
    from pipeline.labels import server

    environment = server.own_environment()
    command = server.install(FOLDER) if install else server.find_command(FOLDER, environment)
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
    """
    from pipeline.labels.proposals import from_boxes, read_proposals
    from pipeline.labels.table import read_labels

    if proposals is not None and labels:
        raise PipelineError("--proposals and --labels: choose one of them.")
    params, catalog = _world()
    proposed = read_proposals(proposals) if proposals is not None else None
    if labels:
        boxes, _ = read_labels(
            params.labels.dir, catalog, jobs=params.compute.jobs, backend=params.compute.backend
        )
        proposed = from_boxes(boxes)
    _push(params, catalog, project, proposed)


@labels_app.command()
def pull(project: Project = TITLE, theirs: Theirs = False, ours: Ours = False) -> None:
    """Bring annotations back as VOC XML into labels.dir; never overwrites a file changed by hand without
    being told.
    """
    from pipeline.labels.pull import pull as run
    from pipeline.labels.table import homes

    params, catalog = _world()
    folder = _writable(params)
    with _studio() as studio:
        plan, collected = run(studio, project, folder, homes(catalog), RECORD, _side(theirs, ours))
    _tell(plan, collected, folder)


@labels_app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Folders or files: VOC XML, Label Studio JSON.")],
    theirs: Theirs = False,
    ours: Ours = False,
) -> None:
    """Take over labelImg folders and Label Studio exports, however laid out; every file left out is
    listed.
    """
    from pipeline.labels.importing import read_sources
    from pipeline.labels.pull import settle
    from pipeline.labels.table import homes

    params, catalog = _world()
    folder = _writable(params)
    clips = homes(catalog)
    collected = read_sources(sources, clips)
    name = " ".join(str(source) for source in sources)
    plan = settle(folder, collected, clips, RECORD, _side(theirs, ours), name)
    _tell(plan, collected, folder)


@labels_app.command()
def export(
    target: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    images: Annotated[bool, typer.Option("--images", help="Copy the frames too.")] = False,
) -> None:
    """Write the labels as labelImg opens them: one flat folder of VOC XML with classes.txt."""
    from pipeline.labels.importing import export_voc
    from pipeline.labels.table import homes

    params, catalog = _world()
    done = export_voc(params.labels.dir, homes(catalog), target, IMAGES if images else None)
    console = Console(soft_wrap=True)
    console.print(f"{target}: {done.labels} labels, {done.images} images")
    _list(console, "left out", [f"{what}: {why}" for what, why in done.left_out])


@labels_app.command()
def check(
    folder: Annotated[
        Path | None, typer.Option("--labels", help="The label folder; labels.dir by default.")
    ] = None,
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = REPORT,
) -> None:
    """Judge the labels; exit status 1 if they are not fit to train on. `dvc repro` applies the same rules."""
    from pipeline.labels.check_report import write_report
    from pipeline.labels.pull import read_annotations
    from pipeline.labels.quality import assess
    from pipeline.labels.table import check as judge
    from pipeline.labels.table import homes, read_folder

    params, catalog = _world()
    folder = folder or params.labels.dir
    drawn = read_folder(folder, catalog, jobs=params.compute.jobs, backend=params.compute.backend)
    usable, problems = judge(drawn, catalog)
    quality = assess(catalog, drawn, usable, problems, read_annotations(folder))
    server = ""
    with contextlib.suppress(PipelineError):  # no server known: no links
        server = find_credentials(FOLDER, os.environ).url
    write_report(report, quality, folder, homes(catalog), IMAGES, server)
    _show_quality(Console(soft_wrap=True), quality)
    print(f"report: {report}")
    if not quality.fit:
        raise typer.Exit(1)


@labels_app.command()
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
    """Turn a model's masks into proposed boxes, and hand out those frames first of which it is least sure.

    Example: avs labels propose --checkpoint models/proposed-1/best.pt
    """
    from pipeline.labels import propose as module
    from pipeline.labels.frames import frames_to_label
    from pipeline.labels.proposals import write_proposals

    if (checkpoint is None) == (probabilities is None):
        raise PipelineError("--checkpoint or --probabilities: give one of them.")
    params, catalog = _world()
    frames = frames_to_label(catalog, IMAGES, jobs=params.compute.jobs, backend=params.compute.backend)
    maps: Iterable[np.ndarray]
    if checkpoint is not None:
        maps, name = _maps(checkpoint, params, catalog), checkpoint.absolute().parent.name
    else:
        assert probabilities is not None
        maps, frames = module.read_probabilities(probabilities, {one.frame: one for one in frames})
        name = "model"
    proposals = module.propose(maps, frames, model or name)
    write_proposals(PROPOSALS, proposals)
    empty = sum(not one.boxes for one in proposals.frames.values())
    Console(soft_wrap=True).print(
        f"{len(proposals.frames)} frames proposed ({empty} without a box) as {proposals.model_version}"
    )
    if push_:
        _push(params, catalog, project, proposals)


def _maps(checkpoint: Path, params: Params, catalog: pd.DataFrame) -> Iterator[np.ndarray]:
    """The model's probabilities (S, S) for every frame of the train clips, in the catalogue's order."""
    import numpy as np
    import torch

    from pipeline.evaluate import load_checkpoint
    from pipeline.predict import predict_clips

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_checkpoint(checkpoint, device)
    clips = predict_clips(
        model,
        IMAGES.parent,
        AUDIO,
        np.flatnonzero(catalog["split"] == "train"),
        device=device,
        batch_size=params.evaluate.batch_size,
        track=show,
    )
    return chain.from_iterable(clips)


def _show_quality(console: Console, quality: Quality) -> None:
    """The report in short."""
    progress = quality.progress
    done, all_ = int(progress["labelled"].sum()), int(progress["frames"].sum())
    console.print(f"{done} of {all_} frames labelled; {quality.usable} usable boxes")
    for category, labelled, frames in progress[["category", "labelled", "frames"]].to_numpy(object).tolist():
        console.print(f"  {category or '(several)'}: {labelled} of {frames}", highlight=False)
    if quality.seconds is not None:
        console.print(f"{quality.seconds:.0f} s a frame (median)")
    if sum(quality.outcomes.values()):
        console.print(
            "proposals: " + ", ".join(f"{count} {what}" for what, count in quality.outcomes.items())
        )
    agreement = quality.agreement
    if agreement.pairs:
        told = [("F1", agreement.f1), ("IoU", agreement.iou), ("kappa", agreement.kappa)]
        figures = ", ".join(f"{name} {value:.3f}" for name, value in told if value is not None)
        console.print(f"agreement over {agreement.pairs} pairs: {figures or 'nothing to compare'}")
    for row in quality.kinds.itertuples():
        console.print(f"  {row.level}: {row.count} {row.kind}: {row.meaning}", highlight=False)
    worst = [case for case in quality.cases if case.level == "error"]
    _list(console, "errors", [f"{case.file}: {case.detail}" for case in worst])
    console.print("fit to train on" if quality.fit else "not fit to train on: mend the errors above")


def _push(params: Params, catalog: pd.DataFrame, title: str, proposals: object) -> None:
    from pipeline.labels.frames import frames_to_label
    from pipeline.labels.proposals import Proposals
    from pipeline.labels.push import push as run
    from pipeline.labels.sounds import write_sounds

    assert proposals is None or isinstance(proposals, Proposals)
    jobs, backend = params.compute.jobs, params.compute.backend
    media = media_folder(FOLDER)
    link_images(FOLDER, IMAGES)
    frames = frames_to_label(catalog, IMAGES, jobs=jobs, backend=backend, track=show)
    with _studio() as studio:
        write_sounds(catalog, media / "sounds", jobs=jobs, backend=backend, track=show)
        try:
            config = CONFIG.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PipelineError(
                f"{CONFIG}: cannot be read ({error}); `git checkout {CONFIG}` brings it back."
            ) from error
        done = run(studio, title, config, frames, media, proposals=proposals, track=show)
        console = Console(soft_wrap=True)
        console.print(
            f"{studio.url}/projects/{done.project}: {done.added} tasks added, {done.there} were there; "
            f"{done.proposals} proposals added"
        )
        _list(console, "frames that the project holds twice", list(done.doubled))


def _world() -> tuple[Params, pd.DataFrame]:
    """Params and catalogue; labels that a killed pull left beside their place are put back first."""
    from pipeline.catalog import read_catalog
    from pipeline.labels.swap import alone, left_by_a_kill

    params = load_params()
    if left_by_a_kill(params.labels.dir):
        with alone(params.labels.dir, RECORD.with_suffix(".lock")) as put_back:
            if put_back:
                Console(soft_wrap=True).print(
                    f"{params.labels.dir}: put back as before a killed pull or import; run that again"
                )
    return params, read_catalog(CATALOG)


def _writable(params: Params) -> Path:
    """labels.dir, unless the pipeline makes it itself: what people draw must not lie where `dvc repro`
    writes.
    """
    folder = params.labels.dir
    if folder.resolve().is_relative_to(DEMO.resolve()):
        raise PipelineError(
            f"{folder}: is made by the pipeline, which would overwrite what people draw. Set labels.dir in "
            "params.yaml to a folder of your own, such as labels/voc."
        )
    return folder


@contextlib.contextmanager
def _studio() -> Iterator[Studio]:
    try:
        from pipeline.labels.client import Studio as Client
    except ModuleNotFoundError as error:
        raise PipelineError(
            f"{error.name} is not installed; `pip install 'avs-pipeline[labels]'` brings it."
        ) from None
    credentials = find_credentials(FOLDER, os.environ)
    with Client(credentials.url, credentials.token) as studio:
        yield studio


def _side(theirs: bool, ours: bool) -> Side | None:
    if theirs and ours:
        raise PipelineError("--theirs and --ours: choose one of them.")
    return "theirs" if theirs else "ours" if ours else None


def _tell(plan: Merge, collected: Collected, folder: Path) -> None:
    """What a pull or import did; exit status 1 where a person has to decide."""
    console = Console(soft_wrap=True)
    console.print(
        f"{folder}: {len(plan.write)} labels written, {plan.same} as they were; {collected.empty} say that "
        f"the object is not visible, {collected.skipped} tasks skipped, {collected.several} with several "
        "annotations"
    )
    for note, count in sorted(collected.notes.items()):
        console.print(f"  {count} boxes: {note}")
    _list(console, "left out", [f"{what}: {why}" for what, why in collected.left_out])
    _list(console, "changed here, not there; kept (--theirs takes the other side)", plan.ours_changed)
    _list(
        console,
        "changed on both sides; kept as they are here. Decide with --theirs or --ours",
        plan.conflicts,
    )
    if plan.write:
        console.print(f"next: avs labels check; dvc add {folder}; dvc repro")
    if plan.conflicts:
        raise typer.Exit(1)


def _list(console: Console, what: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(f"{what}: {len(lines)}")
    for line in lines[:FEW]:
        console.print(f"  {escape(line)}", highlight=False)
    if len(lines) > FEW:
        console.print(f"  ... and {len(lines) - FEW} more")
