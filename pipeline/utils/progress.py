"""Progress of long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")


class Track(Protocol):
    """How library code shows progress: it wraps an iterable of known length."""

    def __call__(self, items: Iterable[T], total: int, what: str) -> Iterable[T]:
        """The same items; `what` names them."""


def no_progress(items: Iterable[T], total: int, what: str) -> Iterable[T]:
    """Show nothing: the default of library functions."""
    return items


def show(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Show a bar on a terminal; elsewhere a line at the start, about every 10 s, and at the end (stderr)."""
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(what, total=total)
            for item in items:
                yield item
                progress.advance(task)
        return
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    start = last = time.monotonic()
    say(f"{what}: {total}")
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= 10:
            last = now
            say(f"{what}: {done} of {total} after {now - start:.0f} s")
    say(f"{what}: {done} done in {time.monotonic() - start:.1f} s")
