"""serve, push and pull with PostgreSQL behind Label Studio; both are started here, on this machine alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipeline.labels.studio.regions import regions
from pipeline.labels.voc.voc_xml import Box, read_voc
from tests.helpers.studio_project import avs, environment, make_project, run_avs, studio_command

INITDB = next(
    (Path(one) for one in (shutil.which("initdb"), *Path("/usr/lib/postgresql").glob("*/bin/initdb")) if one),
    None,
)
pytestmark = [
    pytest.mark.studio,
    pytest.mark.slow,
    pytest.mark.skipif(studio_command() is None, reason="no Label Studio: `avs labels serve --install`"),
    pytest.mark.skipif(INITDB is None, reason="no PostgreSQL: `apt-get install postgresql`"),
]
BOX = Box("dog_barking", 31, 21, 110, 100)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _run(program: str, *arguments: str) -> str:
    """A PostgreSQL program, which refuses to run as root."""
    assert INITDB is not None
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # the server's programs and the client need not lie in one folder
    found = shutil.which(program) or str(INITDB.with_name(program))
    command = [*user, found, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout


@pytest.fixture
def database() -> Iterator[dict[str, str]]:
    """The settings of a fresh database."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to the user postgres
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        port = str(_free_port())
        _run("initdb", "-D", name, "-A", "trust", "-U", "studio", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        _run("pg_ctl", "-D", name, "-w", "-l", f"{name}/log", "-o", options, "start")
        try:
            yield {
                "DJANGO_DB": "default",
                "POSTGRE_NAME": "postgres",
                "POSTGRE_USER": "studio",
                "POSTGRE_PASSWORD": "secret",
                "POSTGRE_HOST": "127.0.0.1",
                "POSTGRE_PORT": port,
            }
        finally:
            _run("pg_ctl", "-D", name, "-m", "fast", "stop")


@contextlib.contextmanager
def _serving(project: Path, settings: dict[str, str]) -> Iterator[None]:
    with (project / "serve.out").open("w") as out:
        served = subprocess.Popen(
            avs("serve", "--port", str(_free_port())),
            cwd=project,
            env={**environment(), **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 500
        while "next:" not in (said := (project / "serve.out").read_text()):
            assert served.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.5)
        yield
    finally:
        served.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            served.wait(20)
        served.kill()


def test_tasks_and_annotations_lie_in_postgresql(tmp_path: Path, database: dict[str, str]) -> None:
    project = make_project(tmp_path)
    with _serving(project, database):
        assert "10 tasks added" in run_avs(project, "push").stdout
        assert "0 tasks added, 10 existed" in run_avs(project, "push").stdout
        login = json.loads((project / ".label-studio/credentials.json").read_text())
        with httpx.Client(
            base_url=login["url"], headers={"Authorization": f"Token {login['token']}"}, trust_env=False
        ) as http:
            (task,) = http.get("/api/tasks", params={"project": 1, "page_size": 1}).json()["tasks"]
            body = {"result": regions([BOX], 160, 120), "lead_time": 3.0}
            assert http.post(f"/api/tasks/{task['id']}/annotations/", json=body).status_code == 201
        assert "1 labels written" in run_avs(project, "pull").stdout
        address = ["-h", "127.0.0.1", "-p", database["POSTGRE_PORT"], "-U", "studio", "-tAc"]
        assert _run("psql", *address, "select count(*) from task", "postgres").strip() == "10"
    (label,) = (project / "labels/voc").rglob("*.xml")
    assert read_voc(label).boxes == (BOX,)
    assert not list((project / ".label-studio/server").glob("*.sqlite3"))
    told = (project / "serve.out").read_text() + (project / ".label-studio/server/log").read_text()
    assert database["POSTGRE_PASSWORD"] not in told
