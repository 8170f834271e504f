"""The annotators' loop with a real Label Studio and a real browser: serve, push, propose, draw, pull."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from pipeline.data.catalog import read_catalog, write_catalog
from pipeline.labels.studio.client import Studio
from pipeline.labels.studio.proposals import read_proposals
from pipeline.labels.studio.regions import read_regions
from pipeline.labels.voc.label_paths import Frame, label_path
from pipeline.labels.voc.voc_xml import Box, read_voc
from tests.helpers.studio_project import (
    CLIPS,
    HEIGHT,
    WIDTH,
    avs,
    environment,
    make_project,
    pack,
    run_avs,
    studio_command,
)
from tests.helpers.tiny_model import SIDE, write_checkpoint

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.studio,
    pytest.mark.slow,
    pytest.mark.skipif(studio_command() is None, reason="no Label Studio: `avs labels serve --install`"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]
BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
           "--disable-component-update", "--disable-sync")  # fmt: skip
PROPOSED = Box("helicopter", 41, 31, 120, 90)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose Label Studio runs, started as people start it."""
    folder = make_project(tmp_path_factory.mktemp("loop"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "serve.out").open("w") as out:
        served = subprocess.Popen(
            avs("serve", "--port", str(port)),
            cwd=folder,
            env=environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 300
        while "next:" not in (said := (folder / "serve.out").read_text()):
            assert served.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.5)
        yield folder
    finally:
        served.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            served.wait(20)
        served.kill()


@pytest.fixture(scope="module")
def credentials(project: Path) -> dict[str, str]:
    return json.loads((project / ".label-studio/credentials.json").read_text())


def _ok(folder: Path, *arguments: str, status: int = 0, **more: str) -> str:
    done = run_avs(folder, *arguments, **more)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def _propose(folder: Path) -> str:
    """A model that is less and less sure of each frame; the first frame it does not know."""
    names = [name for name in CLIPS for _ in range(5)]
    numbers = [1, 2, 3, 4, 5] * 2
    maps = np.zeros((10, HEIGHT, WIDTH), np.float32)
    for row in range(10):
        maps[row, 30:90, 40:120] = 0.99 - 0.04 * row
    np.savez(folder / "masks.npz", name=names[1:], frame=numbers[1:], probability=maps[1:])
    return _ok(folder, "propose", "--probabilities", "masks.npz", "--model", "tiny")


@contextlib.contextmanager
def _page(credentials: dict[str, str]) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(BROWSER))
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.set_default_timeout(30_000)
        page.goto(f"{credentials['url']}/user/login/")
        page.fill("input[name=email]", credentials["username"])
        page.fill("input[name=password]", credentials["password"])
        page.click("button[type=submit]")
        page.wait_for_load_state("networkidle")
        yield page
        browser.close()


def _canvas(page: Any) -> dict[str, float]:
    """Where the image stands, once the layout has come to rest."""
    canvas = page.locator(".konvajs-content")
    canvas.wait_for()
    page.wait_for_load_state("networkidle")
    last = None
    while (now := canvas.bounding_box()) != last or now is None:
        last = now
        page.wait_for_timeout(700)
    return now


def _drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press the mouse at one place of the image, in pixels, and let it go at another."""
    canvas = _canvas(page)

    def at(place: tuple[float, float]) -> tuple[float, float]:
        return (
            canvas["x"] + canvas["width"] * place[0] / WIDTH,
            canvas["y"] + canvas["height"] * place[1] / HEIGHT,
        )

    page.mouse.move(*at(start))
    page.mouse.down()
    page.mouse.move(*at(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)), steps=4)
    page.mouse.move(*at(end), steps=4)
    page.mouse.up()


def _send(page: Any, button: str) -> None:
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST") as answer:
        page.get_by_role("button", name=button).first.click()
    assert answer.value.ok


def _near(found: Box, wanted: Box) -> bool:
    sides = ("xmin", "ymin", "xmax", "ymax")
    return found.category == wanted.category and all(
        abs(getattr(found, side) - getattr(wanted, side)) <= 1 for side in sides
    )


def test_the_server_is_private(project: Path, credentials: dict[str, str]) -> None:
    file = project / ".label-studio/credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    told = (project / "serve.out").read_text() + (project / ".label-studio/server/log").read_text()
    assert credentials["url"] in told
    for secret in ("password", "token"):
        assert credentials[secret] not in told
    port = int(credentials["url"].rsplit(":", 1)[1])
    hosts = {
        one.laddr.ip
        for one in psutil.net_connections("tcp")
        if one.status == "LISTEN" and one.laddr.port == port
    }
    assert hosts == {"127.0.0.1"}
    for process in psutil.process_iter(["cmdline"]):
        assert not any(credentials["token"] in word for word in process.info["cmdline"] or [])


def test_the_whole_loop(project: Path, credentials: dict[str, str]) -> None:
    assert "10 tasks added" in _ok(project, "push")
    said = _ok(project, "push")
    assert "0 tasks added, 10 existed" in said
    assert "updated" not in said and "configuration" not in said  # the server gives back what it was given
    assert "9 proposals added" in _propose(project)
    assert "0 proposals added" in _propose(project)

    drawn = Box("dog_barking", 31, 21, 110, 100)
    outside: list[str] = []
    with _page(credentials) as page:
        page.on(
            "request",
            lambda r: (
                outside.append(r.url)
                if not r.url.startswith((credentials["url"], "data:", "blob:"))
                else None
            ),
        )
        page.goto(f"{credentials['url']}/projects/1/data?task=1")
        _canvas(page)
        page.get_by_text("dog_barking: frame 1 of -abc_7").wait_for()
        assert (
            page.evaluate("fetch('/data/local-files/?d=clips/sounds/-abc_7.flac').then(r => r.status)") == 200
        )
        climb = "fetch('/data/local-files/?d=clips/../../credentials.json').then(r => r.text())"
        assert credentials["token"] not in page.evaluate(climb)
        page.keyboard.press("1")  # of the first category
        _drag(page, (30, 20), (110, 100))
        _send(page, "Submit")

        page.goto(f"{credentials['url']}/projects/1/data")
        page.get_by_role("button", name="Label All Tasks").click()
        _canvas(page)
        page.get_by_text("helicopter: frame 5 of def").wait_for()  # what the model is least sure of
        _send(page, "Submit")  # as proposed
        page.get_by_text("helicopter: frame 4 of def").wait_for()
        _canvas(page)
        _send(page, "Skip")
        page.get_by_text("helicopter: frame 3 of def").wait_for()
        _drag(page, (80, 60), (90, 65))  # the box, by 10 and 5 pixels
        _send(page, "Submit")
        page.get_by_text("helicopter: frame 2 of def").wait_for()
        _canvas(page)
        page.get_by_text("helicopter", exact=True).last.click()
        page.keyboard.press("Backspace")
        page.keyboard.press("n")  # the sounding object is not visible
        _send(page, "Submit")
    assert outside == []

    said = _ok(project, "pull")
    assert "4 labels written" in said and "1 tasks skipped" in said and "1 say that" in said
    labels = project / "labels/voc"

    def boxes(name: str, number: int) -> tuple[Box, ...]:
        return read_voc(labels / label_path(Frame(name, number), CLIPS[name])).boxes

    assert _near(boxes("-abc_7", 1)[0], drawn)
    assert boxes("def", 5) == (PROPOSED,)
    assert _near(boxes("def", 3)[0], Box("helicopter", 51, 36, 130, 95))
    assert boxes("def", 2) == ()
    assert not (labels / label_path(Frame("def", 4), "helicopter")).exists()
    lines = [json.loads(line) for line in (labels / "annotations.jsonl").read_text().splitlines()]
    assert {(line["name"], line["frame"]): (line["state"], line["proposal"]) for line in lines} == {
        ("-abc_7", 1): ("boxed", None),
        ("def", 5): ("boxed", "kept"),
        ("def", 4): ("skipped", None),
        ("def", 3): ("boxed", "moved"),
        ("def", 2): ("empty", "thrown away"),
    }
    assert {line["annotator"] for line in lines} == {credentials["username"].partition("@")[0]}
    assert all(line["lead_time"] > 0 for line in lines)

    before = {path: path.read_bytes() for path in labels.rglob("*") if path.is_file()}
    assert "0 labels written, 4 unchanged" in _ok(project, "pull")
    assert {path: path.read_bytes() for path in labels.rglob("*") if path.is_file()} == before
    by_hand = labels / label_path(Frame("def", 5), "helicopter")
    by_hand.write_text(by_hand.read_text().replace("<xmin>41", "<xmin>45"))
    assert "kept" in _ok(project, "pull") and "<xmin>45" in by_hand.read_text()
    _ok(project, "pull", "--theirs")
    assert before[by_hand] == by_hand.read_bytes()

    said = _ok(project, "check")
    assert (
        "4 of 10 frames labelled" in said
        and "1 kept, 1 moved, 1 thrown away" in said
        and "fit to train on" in said
    )
    assert "Fit to train on" in (project / "data/labels.html").read_text()

    # nothing annotated is touched, and proposals of another version reach only what is open
    assert "0 tasks added" in _ok(project, "push", "--labels")
    _repro(project)


def _repro(project: Path) -> None:
    """The labels as a DVC pipeline takes them: only the stage `boxes` runs, once."""
    stage = {
        "cmd": f"{sys.executable} -m stages.boxes",
        "deps": ["data/catalog.parquet", "labels/voc"],
        "outs": ["data/boxes", {"labels/boxes.csv": {"cache": False}}],
    }
    (project / "dvc.yaml").write_text(json.dumps({"stages": {"boxes": stage}}))
    dvc = [sys.executable, "-m", "dvc"]
    run = {
        "cwd": project,
        "env": {**environment(), "DVC_NO_ANALYTICS": "1"},
        "check": True,
        "capture_output": True,
    }
    subprocess.run([*dvc, "init", "--no-scm", "-q"], **run)  # type: ignore[call-overload]
    subprocess.run([*dvc, "repro"], **run)  # type: ignore[call-overload]
    rows = (project / "labels/boxes.csv").read_text().splitlines()
    assert len(rows) == 1 + 3
    assert re.match(r"dog_barking,-abc_7,1,3[01],2[01],1[01]\d,", rows[1])
    again = subprocess.run([*dvc, "repro"], **run)  # type: ignore[call-overload]
    assert b"didn't change" in again.stdout


def test_a_checkpoint_proposes_and_the_least_sure_frame_is_handed_out_first(
    project: Path, credentials: dict[str, str]
) -> None:
    pack(project, SIDE)
    write_checkpoint(project / "models/proposed-1/best.pt")
    arguments = ("propose", "--checkpoint", "models/proposed-1/best.pt", "--project", "second")
    said = _ok(project, *arguments)
    assert "10 frames proposed (0 without a box) as proposed-1-" in said and "10 tasks added" in said
    assert "0 tasks added, 10 existed; 0 proposals added" in _ok(project, *arguments)
    proposals = read_proposals(project / ".label-studio/proposals.json")
    least = min(proposals.frames, key=lambda key: proposals.frames[key].score)
    headers = {"Authorization": f"Token {credentials['token']}"}
    with httpx.Client(base_url=credentials["url"], headers=headers, trust_env=False) as http:
        (number,) = [
            one["id"] for one in http.get("/api/projects/").json()["results"] if one["title"] == "second"
        ]
        task = http.get(f"/api/projects/{number}/next").json()
        assert task["data"]["image_id"] == least
        (shown,) = task["predictions"]
        assert read_regions(shown["result"]).boxes == list(proposals.frames[least].boxes)


def test_a_wrong_token_and_a_wrong_address(project: Path, credentials: dict[str, str]) -> None:
    said = _ok(project, "push", status=1, LABEL_STUDIO_API_KEY="0" * 40)
    assert "refuses the token" in said and "Traceback" not in said and "0" * 40 not in said
    nowhere = "http://127.0.0.1:9"
    assert "LABEL_STUDIO_API_KEY" in _ok(project, "pull", status=1, LABEL_STUDIO_URL=nowhere)
    said = _ok(project, "pull", status=1, LABEL_STUDIO_URL=nowhere, LABEL_STUDIO_API_KEY="0" * 40)
    assert "avs labels serve" in said and "Traceback" not in said
    assert "port" in _ok(project, "serve", "--port", credentials["url"].rsplit(":", 1)[1], status=1)


def _killed(folder: Path, patch: str, *arguments: str) -> None:
    """Run `avs labels ...` with `patch` applied, which kills it (SIGKILL) at a moment of its choice."""
    code = f"import os, signal\n{patch}\nfrom pipeline.cli.app import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, "labels", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_a_category_fixed_here_reaches_the_tasks(project: Path, credentials: dict[str, str]) -> None:
    assert "10 tasks added" in _ok(project, "push", "--project", "fixed")
    catalog = project / "data/catalog.parquet"
    before, table = catalog.read_bytes(), read_catalog(catalog)
    images = project / "data/frames/images/train"
    try:
        write_catalog(catalog, table.assign(category=table["category"].replace("helicopter", "race_car")))
        (images / "race_car").symlink_to(images / "helicopter")
        assert "5 tasks that nobody had worked on were updated" in _ok(project, "push", "--project", "fixed")
        with Studio(credentials["url"], credentials["token"]) as studio:
            found = studio.find_project("fixed")
            assert found is not None
            shown = [task["data"] for task in studio.tasks(found["id"]) if task["data"]["clip"] == "def"]
        assert len(shown) == 5 and {data["category"] for data in shown} == {"race_car"}
        assert all("images/train/race_car/def" in data["image"] for data in shown)
    finally:
        catalog.write_bytes(before)
        (images / "race_car").unlink(missing_ok=True)


def test_a_killed_push_is_completed_by_the_next(project: Path, credentials: dict[str, str]) -> None:
    patch = """
from pipeline.labels.studio import push
from pipeline.labels.studio.client import Studio
push.BATCH, add, sent = 3, Studio.add_tasks, []
def add_then_die(self, *arguments):
    add(self, *arguments)
    sent.append(1)
    if len(sent) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
Studio.add_tasks = add_then_die
"""
    _killed(project, patch, "push", "--project", "killed")
    assert "4 tasks added, 6 existed" in _ok(project, "push", "--project", "killed")
    assert "0 tasks added, 10 existed" in _ok(project, "push", "--project", "killed")


def test_a_killed_pull_is_completed_by_the_next(project: Path, credentials: dict[str, str]) -> None:
    """Killed between the two renames, when no folder of labels is in its place."""
    labels = project / "labels/voc"
    _ok(project, "pull")
    before = {path: path.read_bytes() for path in labels.rglob("*") if path.is_file()}
    assert len(before) >= 4
    gone = next(path for path in before if path.suffix == ".xml")
    gone.unlink()  # so that the killed pull has something to write
    patch = """
from pathlib import Path
replace = Path.replace
def replace_then_die(self, target):
    replace(self, target)
    if Path(target).name == ".voc.old":
        os.kill(os.getpid(), signal.SIGKILL)
Path.replace = replace_then_die
"""
    _killed(project, patch, "pull", "--theirs")
    assert not labels.exists()
    assert "put back" in _ok(project, "pull", "--theirs")
    assert {path: path.read_bytes() for path in labels.rglob("*") if path.is_file()} == before
