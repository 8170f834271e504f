"""A Label Studio server in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.utils.errors import PipelineError


class FakeStudio:
    """A server in memory; `alive` requests are answered, then it is gone."""

    url = name = "http://127.0.0.1:1"

    def __init__(self) -> None:
        self.project: dict[str, Any] | None = None
        self.held: list[dict[str, Any]] = []
        self.alive = 1_000

    def _ask(self) -> None:
        self.alive -= 1
        if self.alive < 0:
            raise PipelineError("gone")

    def find_project(self, title: str) -> dict[str, Any] | None:
        return self.project

    def create_project(self, settings: dict[str, Any]) -> dict[str, Any]:
        self.project = {"id": 3, **settings}
        return self.project

    def change_project(self, project: int, settings: dict[str, Any]) -> None:
        assert self.project is not None
        self.project.update(settings)

    def serve_folder(self, project: int, folder: Path) -> None: ...

    def tasks(self, project: int) -> Iterator[dict[str, Any]]:
        yield from self.held

    def predictions(self, project: int) -> list[dict[str, Any]]:
        return [{"task": task["id"], **one} for task in self.held for one in task["predictions"]]

    def model_versions(self, project: int) -> set[str]:
        return {one["model_version"] for one in self.predictions(project)}

    def add_tasks(self, project: int, tasks: list[dict[str, Any]]) -> None:
        self._ask()
        for task in tasks:
            self.held.append({"predictions": [], "total_annotations": 0, **task, "id": len(self.held) + 1})

    def change_task(self, task: int, data: dict[str, Any]) -> None:
        self._ask()
        self.held[task - 1]["data"] = data

    def add_predictions(self, project: int, predictions: list[dict[str, Any]]) -> None:
        self._ask()
        for one in predictions:
            self.held[one["task"] - 1]["predictions"].append(
                {k: one[k] for k in ("model_version", "score", "result")}
            )
