"""One way to use all cores, or a cluster: joblib here, Ray on many machines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool

from pipeline.utils.errors import PipelineError
from pipeline.utils.progress import Track, no_progress

T = TypeVar("T")
R = TypeVar("R")
DEATHS = 3  # of workers, one after another without a result between them, until the stage gives up


def map_all(
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
    what: str = "items",
) -> list[R]:
    """Apply `function` (picklable) to every item on `jobs` processes; results in the items' order.

    Every item is tried: what fails with a `PipelineError` is collected, and one error that lists all of
    them is raised at the end, so that a person mends ten broken files in one go instead of ten runs. A worker
    that dies (killed for memory, a machine that went away) loses only what was under way: the items that have
    no result yet are tried again by new workers.

    Args:
        jobs: processes; -1 for all cores, 1 for none besides this one. A Ray cluster uses all that it has.
        backend: "loky" on this machine, "ray" on a Ray cluster (extra `ray`) whose machines see the same
            files under the same paths.
    """
    guarded = _Guarded(function, Path.cwd())
    results = _on_ray(guarded, items, what) if backend == "ray" else _here(guarded, items, jobs, what)
    done = list(track(results, len(items), what))
    errors = [result for result in done if isinstance(result, PipelineError)]
    if errors:
        shown = "\n".join(f"  {error}" for error in errors[:20])
        more = f"\n  ... and {len(errors) - 20} more" if len(errors) > 20 else ""
        raise PipelineError(f"{what}: {len(errors)} of {len(items)} failed:\n{shown}{more}")
    return [result for result in done if not isinstance(result, PipelineError)]


class _Guarded:
    """`function`, returning its `PipelineError` instead of raising it; a cluster's workers go to `folder`."""

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
    """The results one by one; after the death of a worker the rest is begun again, with new workers."""
    done = dead = 0
    while done < len(items):
        calls = [joblib.delayed(function)(item) for item in items[done:]]
        try:
            for result in joblib.Parallel(n_jobs=jobs, return_as="generator")(calls):
                done, dead = done + 1, 0
                yield result
        except BrokenProcessPool as error:
            dead += 1
            if dead == DEATHS:
                raise _gives_up(what, items[done], error) from error


def _on_ray(function: Callable[[T], Any], items: Sequence[T], what: str) -> Iterator[Any]:
    """The results one by one; Ray itself tries again what a dead worker or machine had under way.

    Tasks and not joblib's Ray backend: that one returns nothing before all is done, and loses all to a death.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    if not ray.is_initialized():
        ray.init(log_to_driver=False)  # the cluster that RAY_ADDRESS names, or one of this machine's cores
    task: Any = ray.remote(max_retries=DEATHS - 1)(lambda item: function(item))
    for item, reference in zip(items, [task.remote(item) for item in items], strict=True):
        try:
            yield ray.get(reference)
        except RayTaskError:
            raise  # a bug in `function`
        except RayError as error:
            raise _gives_up(what, item, error) from error


def _gives_up(what: str, item: Any, error: BaseException) -> PipelineError:
    return PipelineError(
        f"{what}: workers died {DEATHS} times at or soon after {item} ({type(error).__name__}); if memory "
        "ran out, set compute.jobs lower."
    )
