"""Label Studio client: the few requests that `avs labels` needs, with errors a person can act on.

Plain HTTP instead of label-studio-sdk: the SDK reads one task at a time into validated models (52 s for
17,260 tasks, against 19 s for one export) and ties the whole project to one release of OpenCV.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.utils.errors import PipelineError

try:
    import httpx
except ModuleNotFoundError as error:  # an extra: the pipeline itself needs no server
    raise PipelineError(
        f"{error.name} is not installed, and commands that talk to Label Studio need it; install it with "
        "`.venv/bin/pip install -c constraints.txt -e '.[labels]'`."
    ) from None

PAGE = 1000  # tasks a request
LONG = 600.0  # seconds for an import or export; other requests answer at once


def answers(url: str) -> bool:
    """Whether a Label Studio answers at this address."""
    try:
        return httpx.get(f"{url}/health", timeout=5.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


class Studio:
    """A connection to one server. Use as a context manager.

    Args:
        url: of the server, such as http://127.0.0.1:8080
        token: a legacy token (40 hexadecimal digits) or a personal access token.
        name: of the server in the sync state and the list of annotations; its address by default.

    Raises:
        PipelineError: the address is not a web address. Every method raises it when the server is gone, or
            refuses the token or the request.
    """

    def __init__(self, url: str, token: str, name: str = "") -> None:
        self.url = url.rstrip("/")
        self.name = name or self.url
        if not url.startswith(("http://", "https://")):
            raise PipelineError(
                f"{url}: the address of a Label Studio must begin with http:// or https://; set "
                "LABEL_STUDIO_URL to it whole."
            )
        # no proxy from the environment between this machine and itself
        self._http = httpx.Client(base_url=self.url, timeout=60.0, trust_env=False)
        try:
            self._http.headers["Authorization"] = self._authorization(token)
        except BaseException:
            self._http.close()
            raise

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.close()

    def people(self) -> dict[int, str]:
        """User id -> the name used for an annotator: the part of the address before the @, unique."""
        names: dict[int, str] = {}
        for user in self._json("GET", "/api/users/"):
            name = str(user.get("email") or user.get("username") or "").split("@")[0] or f"user{user['id']}"
            names[user["id"]] = f"{name}-{user['id']}" if name in names.values() else name
        return names

    def find_project(self, title: str) -> dict[str, Any] | None:
        """The project of that title; the oldest of several."""
        found = self._json("GET", "/api/projects/", params={"title": title, "page_size": 1000})["results"]
        same = sorted((one for one in found if one["title"] == title), key=lambda one: one["id"])
        return same[0] if same else None

    def create_project(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Create a project and return it."""
        return self._json("POST", "/api/projects/", body=settings)

    def change_project(self, project: int, settings: dict[str, Any]) -> dict[str, Any]:
        """Change settings of a project and return it."""
        return self._json("PATCH", f"/api/projects/{project}/", body=settings)

    def serve_folder(self, project: int, folder: Path) -> None:
        """Let the project's people see the files under a local folder of the server's document root."""
        there = self._json("GET", "/api/storages/localfiles", params={"project": project})
        if not any(one["path"].rstrip("/") == str(folder) for one in there):
            body = {
                "project": project,
                "path": str(folder),
                "use_blob_urls": True,
                "title": "frames and sounds",
            }
            self._json("POST", "/api/storages/localfiles", body=body)

    def tasks(self, project: int) -> Iterator[dict[str, Any]]:
        """Each task's `id`, `data` and `total_annotations` (with skipped ones), in the order of creation."""
        query = {"project": project, "page_size": PAGE, "fields": "task_only", "resolve_uri": "false"}
        query["include"] = "id,data,total_annotations,cancelled_annotations"
        page = seen = 0
        total = 1
        while seen < total:
            page += 1
            answer = self._json("GET", "/api/tasks", params={**query, "page": page})
            total, found = answer["total"], answer["tasks"]
            if not found:
                break
            seen += len(found)
            yield from found

    def annotated(self, project: int) -> list[dict[str, Any]]:
        """The annotated or skipped tasks as Label Studio exports them; predictions as ids only."""
        query = {"exportType": "JSON", "download_all_tasks": "false", "interpolate_key_frames": "false"}
        return self._json("GET", f"/api/projects/{project}/export", params=query)

    def predictions(self, project: int) -> list[dict[str, Any]]:
        """All predictions: `task`, `result`, `score`, `model_version`."""
        return self._json("GET", "/api/predictions/", params={"project": project})

    def model_versions(self, project: int) -> set[str]:
        """The versions that the project's predictions have."""
        found = self._json("GET", f"/api/projects/{project}/model-versions/")
        return set(found.get("static", found) or ()) if isinstance(found, dict) else set()

    def add_tasks(self, project: int, tasks: list[dict[str, Any]]) -> None:
        """Import tasks (with `data`, `predictions`), all of them or, on an error, none."""
        self._json(
            "POST", f"/api/projects/{project}/import", body=tasks, params={"commit_to_project": "true"}
        )

    def change_task(self, task: int, data: dict[str, Any]) -> None:
        """Replace what a task shows; its annotations stay."""
        self._json("PATCH", f"/api/tasks/{task}/", body={"data": data})

    def add_predictions(self, project: int, predictions: list[dict[str, Any]]) -> None:
        """Import predictions (`task`, `result`, `score`, `model_version`) for existing tasks."""
        self._json("POST", f"/api/projects/{project}/import/predictions", body=predictions)

    def _authorization(self, token: str) -> str:
        token = token.strip()
        if "." not in token:
            return f"Token {token}"
        # a personal access token is exchanged for one that lives some minutes
        return f"Bearer {self._json('POST', '/api/token/refresh', body={'refresh': token})['access']}"

    def _json(self, method: str, path: str, *, body: Any = None, params: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            answer = self._http.request(
                method,
                path,
                content=content,
                params=params,
                headers=headers,
                timeout=httpx.Timeout(LONG, connect=10),
            )
        except httpx.TimeoutException as error:
            raise PipelineError(
                f"{self.url}: no answer in time to {method} {path}; run the command again."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PipelineError(
                f"{self.url}: no Label Studio answers there ({type(error).__name__}); start it with "
                "`avs labels serve`, then run this command again: it continues where it stopped."
            ) from error
        if answer.status_code in (401, 403):
            raise PipelineError(
                f"{self.url}: refuses the token ({answer.status_code}). Take the one that Label Studio shows "
                "under Account & Settings and set LABEL_STUDIO_API_KEY, or use the server that "
                "`avs labels serve` starts."
            )
        if answer.is_error or answer.is_redirect:
            raise PipelineError(f"{self.url}: {method} {path} gave {answer.status_code}: {answer.text[:300]}")
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise PipelineError(
                f"{self.url}: {method} {path} did not answer with JSON; is this a Label Studio's address?"
            ) from None
