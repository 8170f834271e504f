"""Label Studio server: started for this project only, on this machine, without telemetry."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from pipeline.labels.studio.client import answers
from pipeline.labels.studio.studio_home import Credentials, media_folder, media_root
from pipeline.utils.errors import PipelineError

REQUIREMENT = "label-studio==1.23.*"
HOST = "127.0.0.1"
STOP_LIMIT = 10.0  # seconds
START_LIMIT = 300.0  # seconds; the first start makes the database (50 s on two cores)


def find_command(folder: Path, environment: Mapping[str, str]) -> Path:
    """The server's command: LABEL_STUDIO_COMMAND, the project's own environment, or the one on PATH.

    Raises:
        PipelineError: there is none; it says how to install it.
    """
    chosen = environment.get("LABEL_STUDIO_COMMAND")
    if chosen:
        found = shutil.which(chosen, path=environment.get("PATH"))
        if found is None:
            raise PipelineError(f"LABEL_STUDIO_COMMAND={chosen}: is not a command; correct or unset it.")
        return Path(found)
    own = folder / "venv" / "bin" / "label-studio"
    if own.exists():
        return own
    found = shutil.which("label-studio", path=environment.get("PATH"))
    if found is None:
        raise PipelineError(
            "Label Studio is not installed. `avs labels serve --install` puts it into an environment of its "
            f"own ({folder / 'venv'}, about 1 GB), or install {REQUIREMENT} yourself and set "
            "LABEL_STUDIO_COMMAND."
        )
    return Path(found)


def install(folder: Path) -> Path:
    """Install the server into `folder`/venv, apart from this project since their requirements conflict."""
    home = folder / "venv"
    steps = [
        [sys.executable, "-m", "venv", str(home)],
        [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile", REQUIREMENT],
    ]
    for step in steps:
        if subprocess.run(step, check=False).returncode != 0:
            raise PipelineError(
                f"installing Label Studio failed at: {' '.join(step)}; see its message above."
            )
    return home / "bin" / "label-studio"


def refuse_taken(port: int) -> None:
    """Check that nothing listens at this port of this machine.

    Raises:
        PipelineError: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise PipelineError(
                f"port {port} is taken: perhaps Label Studio runs already; otherwise choose another (--port)."
            ) from None


def server_environment(
    folder: Path, credentials: Credentials, environment: Mapping[str, str]
) -> dict[str, str]:
    """The server's environment: secrets travel here, never as arguments that other users could list."""
    chosen = {
        **environment,
        "LABEL_STUDIO_BASE_DATA_DIR": str((folder / "server").absolute()),
        "LABEL_STUDIO_USERNAME": credentials.username,
        "LABEL_STUDIO_PASSWORD": credentials.password,
        "LABEL_STUDIO_USER_TOKEN": credentials.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(media_root(folder)),
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "COLLECT_ANALYTICS": "False",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "False",
    }
    if chosen.get("DJANGO_DB") == "default":
        missing = [key for key in ("POSTGRE_NAME", "POSTGRE_USER", "POSTGRE_HOST") if not chosen.get(key)]
        if missing:
            raise PipelineError(
                f"DJANGO_DB=default asks for PostgreSQL, but {', '.join(missing)} is not set."
            )
    else:
        chosen["DJANGO_DB"] = "sqlite"
    return chosen


def start(
    command: Path, folder: Path, credentials: Credentials, environment: Mapping[str, str], port: int
) -> subprocess.Popen[bytes]:
    """Start the server and return when it answers. Its log goes to `folder`/server/log.

    Raises:
        PipelineError: the server ends or does not answer within `START_LIMIT`.
    """
    media_folder(folder).mkdir(parents=True, exist_ok=True)
    log = folder / "server" / "log"
    log.parent.mkdir(parents=True, exist_ok=True)
    arguments = [
        str(command.absolute()),
        "start",
        "--no-browser",
        "--port",
        str(port),
        "--internal-host",
        HOST,
    ]
    with log.open("ab") as stream:
        process = subprocess.Popen(
            arguments,
            env=server_environment(folder, credentials, environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, credentials.url, log)
    except BaseException:
        stop(process)
        raise
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server, by force if it does not end within `STOP_LIMIT`."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PipelineError(f"Label Studio ended at once (status {process.returncode}); see {log}.")
        if answers(url):
            return
        time.sleep(0.5)
    raise PipelineError(f"Label Studio does not answer after {START_LIMIT:.0f} s; see {log}.")


def own_environment() -> dict[str, str]:
    """This process's environment without the variables that would mislead another Python."""
    return {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
