"""Label Studio's folder `.label-studio/`: credentials, database, and the files that the server may show.

.label-studio/credentials.json   address, user, password, token: for the owner's eyes (mode 0600)
.label-studio/server/            the server's database and log
.label-studio/media/clips/       all that it serves: `images`, a link to the frames, and `sounds`
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

from pipeline.utils.errors import PipelineError

FOLDER = Path(".label-studio")


@dataclass(frozen=True)
class Credentials:
    """How to reach a server. Its text form hides the secrets, so that no log can show them."""

    url: str
    username: str
    password: str
    token: str
    name: str = ""  # what the server is called in records; "" for its address

    def __repr__(self) -> str:
        return f"Credentials(url={self.url!r}, username={self.username!r})"


def credentials_path(folder: Path) -> Path:
    """The file of the credentials."""
    return folder / "credentials.json"


def account() -> str:
    """The name of one's own account, an e-mail address as Label Studio wants it.

    It contains login and machine, which distinguishes annotations merged from several people's servers.
    """
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        login = "annotator"
    name = re.sub("[^a-z0-9]+", "-", f"{login}-{platform.node()}".lower()).strip("-")
    return f"{name[:60].strip('-') or 'annotator'}@localhost.local"


def make_credentials(folder: Path, url: str) -> Credentials:
    """The credentials of this folder's server at this address, made with random secrets if need be."""
    path = credentials_path(folder)
    old = _stored(path) if path.exists() else None
    if old:
        made = replace(old, url=url, name=old.name or _name())
    else:
        made = Credentials(url, account(), secrets.token_urlsafe(12), secrets.token_hex(20), _name())
    if made != old:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        # created unreadable to others, not made so afterwards
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(asdict(made), stream, indent=2)
        temporary.replace(path)
    return made


def find_credentials(folder: Path, environment: Mapping[str, str]) -> Credentials:
    """LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY where set, otherwise what `avs labels serve` wrote.

    What it wrote is sent only to its own server, never to another address.

    Raises:
        PipelineError: no server is known, or no token for it.
    """
    url, token = environment.get("LABEL_STUDIO_URL", ""), environment.get("LABEL_STUDIO_API_KEY", "")
    path = credentials_path(folder)
    stored = _stored(path) if path.exists() else None
    if stored and url.rstrip("/") in ("", stored.url):
        return replace(stored, token=token or stored.token)
    if url and token:
        return Credentials(url, "", "", token)
    if url:
        raise PipelineError(f"LABEL_STUDIO_URL={url}: its token is unknown; set LABEL_STUDIO_API_KEY.")
    raise PipelineError(
        "no Label Studio is known: start one with `avs labels serve`, or set LABEL_STUDIO_URL and "
        "LABEL_STUDIO_API_KEY to use another."
    )


def media_root(folder: Path) -> Path:
    """The server's document root."""
    return (folder / "media").absolute()


def media_folder(folder: Path) -> Path:
    """The folder that a project may show; Label Studio wants it below the document root."""
    return media_root(folder) / "clips"


def link_images(folder: Path, images: Path) -> None:
    """Show the frames' folder to the server: a link, so that what `dvc repro` rewrites is seen at once.

    Raises:
        PipelineError: something else is in the link's place.
    """
    link = media_folder(folder) / "images"
    link.parent.mkdir(parents=True, exist_ok=True)
    target = images.absolute()
    if link.is_symlink() and link.readlink() == target:
        return
    if link.exists() and not link.is_symlink():
        raise PipelineError(f"{link}: is not a link to the frames; move it away.")
    link.unlink(missing_ok=True)
    link.symlink_to(target, target_is_directory=True)


def media_url(relative: str) -> str:
    """The address, within the server, of a file below `media_folder`."""
    return "/data/local-files/?d=" + quote(f"clips/{relative}", safe="/")


def _name() -> str:
    """The own server's: the same at every port, and no other checkout's."""
    return f"label-studio-{secrets.token_hex(4)}"


def _stored(path: Path) -> Credentials:
    try:
        return Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise PipelineError(
            f"{path}: cannot be read ({type(error).__name__}); remove it and serve again."
        ) from None
