"""One way to use all cores, or a cluster: joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import joblib

from pipeline.errors import PipelineError
from pipeline.progress import Track, silent

T = TypeVar("T")
R = TypeVar("R")


def _guarded(function: Callable[[T], R], item: T) -> R | PipelineError:
    try:
        return function(item)
    except PipelineError as error:
        return error


def map_all(
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    jobs: int = -1,
    backend: str = "loky",
    track: Track = silent,
    what: str = "items",
) -> list[R]:
    """Apply `function` (picklable) to every item on `jobs` processes; results in the items' order.

    Every item is tried: what fails with a `PipelineError` is collected, and one error that lists all of
    them is raised at the end, so that a person mends ten broken files in one go instead of ten runs.

    Args:
        jobs: processes; -1 for all cores, 1 for none besides this one.
        backend: joblib's backend: "loky" on this machine, "ray" on a Ray cluster (extra `ray`).
    """
    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    calls = [joblib.delayed(_guarded)(function, item) for item in items]
    context: Any = joblib.parallel_config(backend=backend, n_jobs=jobs)
    with context:
        results: Iterator[R | PipelineError] = joblib.Parallel(return_as="generator")(calls)
        done = list(track(results, len(items), what))
    errors = [result for result in done if isinstance(result, PipelineError)]
    if errors:
        shown = "\n".join(f"  {error}" for error in errors[:20])
        more = f"\n  ... and {len(errors) - 20} more" if len(errors) > 20 else ""
        raise PipelineError(f"{what}: {len(errors)} of {len(items)} failed:\n{shown}{more}")
    return [result for result in done if not isinstance(result, PipelineError)]
