"""Starting a server: where its command is found, what it is told, and that secrets stay secret."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import threading
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.labels.studio import server, studio_home
from pipeline.labels.studio.client import Studio
from pipeline.labels.studio.studio_home import (
    FOLDER,
    Credentials,
    account,
    find_credentials,
    link_images,
    make_credentials,
    media_folder,
    media_root,
)
from pipeline.utils.errors import PipelineError
from tests.helpers.paths import ROOT

LOGIN = Credentials("http://127.0.0.1:8080", "me", "secret-word", "ab" * 20)


def _command(path: Path, text: str = "exit 3") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_command_is_asked_own_or_on_the_path(tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path / "none")}
    with pytest.raises(PipelineError, match="--install"):
        server.find_command(tmp_path / ".ls", nowhere)
    on_path = _command(tmp_path / "bin/label-studio")
    assert server.find_command(tmp_path / ".ls", {"PATH": str(on_path.parent)}) == on_path
    own = _command(tmp_path / ".ls/venv/bin/label-studio")
    assert server.find_command(tmp_path / ".ls", {"PATH": str(on_path.parent)}) == own
    asked = {**nowhere, "LABEL_STUDIO_COMMAND": str(on_path)}
    assert server.find_command(tmp_path / ".ls", asked) == on_path
    with pytest.raises(PipelineError, match="is not a command"):
        server.find_command(tmp_path / ".ls", {**nowhere, "LABEL_STUDIO_COMMAND": "nonsense"})


def test_the_server_is_made_to_keep_to_itself(tmp_path: Path) -> None:
    told = server.server_environment(tmp_path, LOGIN, {"PATH": "/bin", "DJANGO_DB": "mysql"})
    assert told["DJANGO_DB"] == "sqlite" and told["PATH"] == "/bin"
    assert (told["COLLECT_ANALYTICS"], told["SENTRY_DSN"], told["LATEST_VERSION_CHECK"]) == (
        "False",
        "",
        "False",
    )
    root = Path(told["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"])
    assert root == media_root(tmp_path) and not (tmp_path / "credentials.json").is_relative_to(root)
    assert not Path(told["LABEL_STUDIO_BASE_DATA_DIR"]).is_relative_to(root)


def test_postgresql_when_its_settings_are_given(tmp_path: Path) -> None:
    given = {"DJANGO_DB": "default", "POSTGRE_NAME": "n", "POSTGRE_USER": "u", "POSTGRE_HOST": "h"}
    assert server.server_environment(tmp_path, LOGIN, given)["DJANGO_DB"] == "default"
    with pytest.raises(PipelineError, match="POSTGRE_HOST"):
        server.server_environment(tmp_path, LOGIN, {**given, "POSTGRE_HOST": ""})


def test_a_server_that_ends_or_a_taken_port_is_reported(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PipelineError, match="--port"):
            server.refuse_taken(port)
    with pytest.raises(PipelineError, match="status 3"):
        server.start(_command(tmp_path / "ls"), tmp_path, LOGIN, dict(os.environ), port)


def test_secrets_are_random_private_kept_and_never_shown(tmp_path: Path) -> None:
    first = make_credentials(tmp_path / "ls", "http://127.0.0.1:1")
    file = tmp_path / "ls/credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert make_credentials(tmp_path / "ls", "http://127.0.0.1:2").token == first.token
    assert find_credentials(tmp_path / "ls", {}).url == "http://127.0.0.1:2"
    assert make_credentials(tmp_path / "other", "http://127.0.0.1:1").token != first.token
    assert first.token not in repr(first) and first.password not in f"{first}"
    assert len(first.token) == 40
    file.write_text(json.dumps({"token": first.token}))
    with pytest.raises(PipelineError) as caught:
        find_credentials(tmp_path / "ls", {})
    assert first.token not in str(caught.value)


def test_a_taken_port_leaves_the_known_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next pull would hand the token to whatever listens there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABEL_STUDIO_COMMAND", "true")
    known = make_credentials(FOLDER, "http://127.0.0.1:1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = CliRunner().invoke(app, ["labels", "serve", "--port", str(taken.getsockname()[1])])
    assert isinstance(done.exception, PipelineError) and "is taken" in str(done.exception)
    assert find_credentials(FOLDER, {}) == known


def test_a_server_keeps_its_name_at_every_port(tmp_path: Path) -> None:
    first = make_credentials(tmp_path / "a", "http://127.0.0.1:1")
    again = make_credentials(tmp_path / "a", "http://127.0.0.1:2")
    other = make_credentials(tmp_path / "b", "http://127.0.0.1:1")
    assert first.name and first.name == again.name != other.name
    key = {"LABEL_STUDIO_URL": again.url, "LABEL_STUDIO_API_KEY": "k"}
    assert find_credentials(tmp_path / "a", key).name == first.name
    assert Studio(again.url, again.token, again.name).name == first.name
    assert Studio("http://h/", "k").name == "http://h"


def test_another_server_by_environment(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="avs labels serve"):
        find_credentials(tmp_path, {})
    with pytest.raises(PipelineError, match=r"http://h.*set LABEL_STUDIO_API_KEY"):
        find_credentials(tmp_path, {"LABEL_STUDIO_URL": "http://h"})
    found = find_credentials(tmp_path, {"LABEL_STUDIO_URL": "http://h", "LABEL_STUDIO_API_KEY": "k"})
    assert (found.url, found.token) == ("http://h", "k")


def test_the_own_server_s_token_goes_to_no_other_address(tmp_path: Path) -> None:
    own = make_credentials(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(PipelineError, match=r"http://h.*set LABEL_STUDIO_API_KEY") as caught:
        find_credentials(tmp_path, {"LABEL_STUDIO_URL": "http://h"})
    assert own.token not in str(caught.value)
    foreign = find_credentials(tmp_path, {"LABEL_STUDIO_URL": "http://h", "LABEL_STUDIO_API_KEY": "k"})
    assert foreign == Credentials("http://h", "", "", "k")
    assert find_credentials(tmp_path, {"LABEL_STUDIO_URL": f"{own.url}/"}) == own
    assert find_credentials(tmp_path, {"LABEL_STUDIO_API_KEY": "k"}).token == "k"


def test_the_frames_are_linked_once(tmp_path: Path) -> None:
    for images in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        link_images(tmp_path / "ls", images)
        assert (media_folder(tmp_path / "ls") / "images").readlink() == images
    (tmp_path / "x/media/clips/images").mkdir(parents=True)
    with pytest.raises(PipelineError, match="is not a link"):
        link_images(tmp_path / "x", tmp_path / "a")


def _answering(status: int, text: str) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status, text=text))


@pytest.mark.parametrize(
    ("status", "text", "complaint"),
    [
        (401, "", "refuses the token"),
        (403, "", "refuses the token"),
        (500, "<h1>oh</h1>", "gave 500"),
        (302, "", "gave 302"),
        (200, "<html>", "did not answer with JSON"),
    ],
)
def test_what_a_server_may_answer(status: int, text: str, complaint: str) -> None:
    with Studio("http://127.0.0.1:9/", "abc") as studio:
        studio._http = httpx.Client(base_url="http://127.0.0.1:9", transport=_answering(status, text))
        with pytest.raises(PipelineError, match=complaint):
            studio.find_project("x")


def test_a_server_that_is_not_there_says_how_to_start_one() -> None:
    for url in ("http://127.0.0.1:9", "http://"):
        with pytest.raises(PipelineError, match="avs labels serve"), Studio(url, "abc") as studio:
            studio.find_project("x")
    with pytest.raises(PipelineError, match=r"nonsense: the address .* must begin with http"):
        Studio("nonsense", "abc")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[{"])
def test_a_server_that_dies_while_it_answers(said: bytes) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def die() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        thread = threading.Thread(target=die)
        thread.start()
        port = listening.getsockname()[1]
        with (
            Studio(f"http://127.0.0.1:{port}", "abc") as studio,
            pytest.raises(PipelineError, match="continues where it stopped"),
        ):
            studio.add_tasks(1, [{"data": {}}])
        thread.join()


def test_tasks_are_read_page_by_page() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return httpx.Response(200, json={"total": 3, "tasks": [{"id": page}]})

    with Studio("http://127.0.0.1:9", "abc") as studio:
        studio._http = httpx.Client(base_url="http://127.0.0.1:9", transport=httpx.MockTransport(answer))
        assert [task["id"] for task in studio.tasks(1)] == [1, 2, 3]


def test_labels_know_no_torch() -> None:
    import subprocess

    code = "import sys, pkgutil, importlib, pipeline.labels as p\n"
    code += "for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.'): importlib.import_module(m.name)\n"
    code += "import pipeline.cli.labels\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("login", "machine", "expected"),
    [
        ("ann", "desk.lab", "ann-desk-lab@localhost.local"),
        ("DOM\\Zoë", "", "dom-zo@localhost.local"),
        ("", "", "annotator@localhost.local"),
        ("x" * 80, "h", "x" * 60 + "@localhost.local"),
        (None, "desk", "annotator-desk@localhost.local"),  # a container's user without a name
    ],
)
def test_every_person_has_an_account_of_their_own(
    monkeypatch: pytest.MonkeyPatch, login: str | None, machine: str, expected: str
) -> None:
    def user() -> str:
        if login is None:
            raise KeyError("uid not found")
        return login

    monkeypatch.setattr(studio_home.getpass, "getuser", user)
    monkeypatch.setattr(studio_home.platform, "node", lambda: machine)
    assert account() == expected
