"""The data loader: batches in the order of an epoch, prefetched by a thread.

Not torch's `DataLoader`: a batch is one slice of a memory map, so worker processes would only add a copy of
it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.dataset.clips import Batch, ClipDataset
from pipeline.utils.errors import PipelineError


def prefetch(
    clips: ClipDataset, groups: list[NDArray], *, epoch: int | None = None, pin: bool = False, depth: int = 2
) -> Iterator[Batch]:
    """Yield `clips.load(rows, epoch)` for each group of rows, read by a thread up to `depth` batches ahead.

    An error in the thread is raised here; a consumer that stops early ends the thread.

    Args:
        clips: the data set.
        groups: of row numbers, one a batch.
        epoch: see `ClipDataset.load`.
        pin: whether batches come in page-locked memory.
        depth: batches that wait at most.
    """
    box: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stop.is_set():
            try:
                box.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for rows in groups:
                if stop.is_set():
                    return
                batch = clips.load(rows, epoch)
                put(batch.pin() if pin else batch)
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := box.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def epoch_batches(
    rows: NDArray, batch_size: int, seed: int, epoch: int, rank: int = 0, world_size: int = 1
) -> list[NDArray]:
    """The shuffled groups of rows of one epoch for process `rank`: the same order for any `world_size`.

    A global batch has `batch_size` clips, dealt to the processes in turn. A last batch with fewer clips than
    processes is dropped, since every process needs one.

    Raises:
        PipelineError: that leaves no batch.
    """
    if min(len(rows), batch_size) < world_size:
        raise PipelineError(
            f"{len(rows)} train clips in batches of {batch_size} are too few for {world_size} processes; "
            "lower train.devices or raise train.batch_size."
        )
    order = np.random.default_rng([seed, epoch]).permutation(rows)
    groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return [group[rank::world_size] for group in groups if len(group) >= world_size]
