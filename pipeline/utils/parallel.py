"""Parallel map: joblib on this machine's cores, Ray on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool

from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import Track, no_progress

T = TypeVar("T")
R = TypeVar("R")
MAX_DEATHS = 3  # of workers in a row, without a result in between, until the stage gives up


@dataclass(frozen=True)
class Workers:
    """Processes that share out work, and how their progress is shown.

    Attributes:
        jobs: processes; -1 for all cores, 1 for this process alone. A Ray cluster uses all that it has.
        backend: "loky" on this machine, "ray" on a Ray cluster (extra `ray`) whose machines see the same
            files under the same paths.
        track: shows progress.
    """

    jobs: int = -1
    backend: str = "loky"
    track: Track = no_progress

    def map(self, function: Callable[[T], R], items: Sequence[T], what: str = "items") -> list[R]:
        """Apply a function to every item.

        Every item is tried: `PipelineError`s are collected and raised as one at the end, so that a person
        fixes ten broken files in one go instead of in ten runs. A worker that dies (killed for memory, a lost
        machine) loses only what it was working on: new workers try the items that have no result yet.

        Args:
            function: of one item; picklable.
            items: what it is applied to.
            what: the items' name in messages and progress.

        Returns:
            The results, in the items' order.

        Raises:
            PipelineError: `function` raised it for at least one item, or workers keep dying.
        """
        guarded = _Guarded(function, Path.cwd())
        ray = self.backend == "ray"
        results = _on_ray(guarded, items, what) if ray else _here(guarded, items, self.jobs, what)
        done = list(self.track(results, len(items), what))
        errors = [result for result in done if isinstance(result, PipelineError)]
        if errors:
            shown = "\n".join(f"  {error}" for error in errors[:20])
            more = f"\n  ... and {len(errors) - 20} more" if len(errors) > 20 else ""
            raise PipelineError(f"{what}: {len(errors)} of {len(items)} failed:\n{shown}{more}")
        return [result for result in done if not isinstance(result, PipelineError)]


ALL_CORES = Workers()
SERIAL = Workers(jobs=1)


class _Guarded:
    """A function that returns its `PipelineError` instead of raising it, and runs in `folder`."""

    def __init__(self, function: Callable[[Any], Any], folder: Path) -> None:
        self.function, self.folder = function, folder

    def __call__(self, item: Any) -> Any:
        if Path.cwd() != self.folder:
            os.chdir(self.folder)  # the project's paths are relative to where its commands run
        try:
            return self.function(item)
        except PipelineError as error:
            return error


def _here(function: Callable[[T], Any], items: Sequence[T], jobs: int, what: str) -> Iterator[Any]:
    """Yield the results one by one; after the death of a worker the rest starts again with new workers."""
    done = dead = 0
    while done < len(items):
        calls = [joblib.delayed(function)(item) for item in items[done:]]
        try:
            for result in joblib.Parallel(n_jobs=jobs, return_as="generator")(calls):
                done, dead = done + 1, 0
                yield result
        except BrokenProcessPool as error:
            dead += 1
            if dead == MAX_DEATHS:
                raise _gave_up(what, items[done], error) from error


def _on_ray(function: Callable[[T], Any], items: Sequence[T], what: str) -> Iterator[Any]:
    """Yield the results one by one; Ray itself retries what a dead worker or machine was working on.

    Tasks, not joblib's Ray backend, which returns nothing until all is done and loses everything to a death.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    if not ray.is_initialized():
        ray.init(log_to_driver=False)  # the cluster that RAY_ADDRESS names, or one of this machine's cores
    task: Any = ray.remote(max_retries=MAX_DEATHS - 1)(lambda item: function(item))
    for item, reference in zip(items, [task.remote(item) for item in items], strict=True):
        try:
            yield ray.get(reference)
        except RayTaskError:
            raise  # a bug in `function`
        except RayError as error:
            raise _gave_up(what, item, error) from error


def _gave_up(what: str, item: Any, error: BaseException) -> PipelineError:
    return PipelineError(
        f"{what}: workers died {MAX_DEATHS} times at or soon after {item} ({type(error).__name__}); "
        "if memory ran out, set compute.jobs lower."
    )
