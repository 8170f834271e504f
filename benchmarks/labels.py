"""Labels at full size: 17,260 frames read and checked, pushed with proposals, pulled. `python
benchmarks/labels.py`

Each line is measured in a process of its own; memory is that process's peak (with its largest worker
process). The server's part needs a Label Studio (LABEL_STUDIO_COMMAND, or `avs labels serve --install`
once); `--no-server` leaves it out. The server runs on the same machine and shares its cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from joblib.externals.loky import get_reusable_executor

from pipeline.data.catalog import clips_by_name, to_frame
from pipeline.data.clip import Clip
from pipeline.data.readers.s4 import CATEGORIES
from pipeline.labels.studio import server
from pipeline.labels.studio.client import Studio
from pipeline.labels.studio.config import make_config
from pipeline.labels.studio.frame_tasks import FrameTask
from pipeline.labels.studio.proposals import Proposals, Proposed
from pipeline.labels.studio.push import push
from pipeline.labels.studio.regions import regions
from pipeline.labels.studio.studio_home import (
    Credentials,
    find_credentials,
    make_credentials,
    media_folder,
)
from pipeline.labels.sync.pull import pull
from pipeline.labels.voc.label_paths import Frame, image_id, label_path
from pipeline.labels.voc.table import read_labels
from pipeline.labels.voc.voc_xml import Annotation, Box, voc_text

ROOT = Path(__file__).resolve().parents[1]
CONFIG = make_config((ROOT / "labels" / "label_studio.xml").read_text(encoding="utf-8"), CATEGORIES)
WIDTH, HEIGHT = 320, 240
Measured = tuple[float, float]  # seconds, MiB


def catalog(clips: int) -> pd.DataFrame:
    """Train clips over the 23 categories."""
    rows = [(f"clip{i:05d}", CATEGORIES[i % len(CATEGORIES)]) for i in range(clips)]
    return to_frame(
        [
            Clip(name, category, "train", 0, "v.mp4", None, None, [None] * 5, None, None, None)
            for name, category in rows
        ]
    )


def frames(table: pd.DataFrame) -> list[FrameTask]:
    pairs = zip(table["name"], table["category"], strict=True)
    return [
        FrameTask(Frame(name, k), category, f"{name}_{k}.jpg", WIDTH, HEIGHT)
        for name, category in pairs
        for k in range(1, 6)
    ]


def box(shown: FrameTask) -> Box:
    shift = int(shown.frame.name[4:]) * 7 % 40 + shown.frame.number
    return Box(shown.category, 40 + shift, 30, 160 + shift, 150)


def write_files(folder: Path, table: pd.DataFrame) -> None:
    for shown in frames(table):
        path = folder / label_path(shown.frame, shown.category)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            voc_text(Annotation(WIDTH, HEIGHT, (box(shown),), f"{image_id(shown.frame)}.jpg", "ann"))
        )


def read_and_check(folder: Path, table: pd.DataFrame) -> None:
    boxes, _ = read_labels(folder, table, CATEGORIES)
    assert len(boxes) == 5 * len(table)


def read_by_defusedxml(folder: Path) -> None:
    """The plain way, without checks, for the ratio."""
    from defusedxml.ElementTree import parse

    for path in sorted(folder.rglob("*.xml")):
        for element in parse(path).getroot().iter("object"):
            [int(element.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]


def push_all(login: Credentials, table: pd.DataFrame, media: Path) -> None:
    shown = frames(table)
    proposals = Proposals(
        "m", {image_id(one.frame): Proposed((box(one),), 0.5, WIDTH, HEIGHT) for one in shown}
    )
    with Studio(login.url, login.token) as studio:
        push(studio, "push", CONFIG, shown, media, proposals=proposals)


def annotate_all(login: Credentials, table: pd.DataFrame) -> None:
    """A project in which every task has a proposal and an annotation; its cost is not reported."""
    with Studio(login.url, login.token) as studio:
        project = studio.create_project({"title": "pull", "label_config": CONFIG})["id"]
        shown = frames(table)
        for start in range(0, len(shown), 1000):
            tasks = []
            for one in shown[start : start + 1000]:
                result = regions([box(one)], WIDTH, HEIGHT)
                data = {
                    "image": "/x.jpg",
                    "sound": "/x.flac",
                    "heading": "x",
                    "width": WIDTH,
                    "height": HEIGHT,
                }
                data["image_id"] = image_id(one.frame)
                predictions = [{"model_version": "m", "score": 0.5, "result": result}]
                tasks.append({"data": data, "predictions": predictions, "annotations": [{"result": result}]})
            studio.add_tasks(project, tasks)


def pull_all(login: Credentials, table: pd.DataFrame, folder: Path, record: Path) -> None:
    with Studio(login.url, login.token) as studio:
        pull(studio, "pull", folder, clips_by_name(table), record)


def measured(function: Callable[..., Any], *arguments: Any) -> Measured:
    """Time and peak memory of one call in a fresh process."""
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(there, function, arguments))
    process.start()
    answer = here.recv()
    process.join()
    if isinstance(answer, str):
        raise SystemExit(answer)
    return answer


def _measure(pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        start = time.perf_counter()
        function(*arguments)
        seconds = time.perf_counter() - start
        get_reusable_executor().shutdown(wait=True)  # their memory counts once they ended
        peak = sum(
            resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        pipe.send((seconds, peak / 1024))
    except Exception as error:
        pipe.send(f"{function.__name__}: {error!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=3452)
    parser.add_argument("--no-server", action="store_true")
    options = parser.parse_args()
    table = catalog(options.clips)
    n = 5 * options.clips
    rows: list[tuple[str, Measured, float | None]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder / "voc", table)
        rows.append((f"read and check {n} VOC files", measured(read_and_check, folder / "voc", table), 5))
        rows.append(("defusedxml, one by one, no checks", measured(read_by_defusedxml, folder / "voc"), None))
        if not options.no_server:
            workplace = ROOT / ".label-studio"
            command = server.find_command(workplace, os.environ)
            own = folder / "studio"
            login = make_credentials(own, f"http://{server.HOST}:8097")
            media = media_folder(own)
            process = server.start(command, own, find_credentials(own, {}), server.own_environment(), 8097)
            try:
                rows.append((f"push {n} tasks with proposals", measured(push_all, login, table, media), 60))
                rows.append(("push again (adds nothing)", measured(push_all, login, table, media), 60))
                measured(annotate_all, login, table)
                pulled, record = folder / "pulled", folder / "sync.json"
                rows.append((f"pull {n} annotations", measured(pull_all, login, table, pulled, record), 60))
                rows.append(
                    ("pull again (writes nothing)", measured(pull_all, login, table, pulled, record), 60)
                )
            finally:
                server.stop(process)
    print(f"{'':36} {'s':>7} {'MiB':>7} {'limit':>6} {'ratio':>6}")
    for what, (seconds, peak), limit in rows:
        measured_limit = f"{limit:6.0f} {seconds / limit:6.2f}" if limit else ""
        print(f"{what:36} {seconds:7.2f} {peak:7.0f} {measured_limit}")


if __name__ == "__main__":
    main()
