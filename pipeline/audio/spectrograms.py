"""Log-mel examples of many sounds, packed. Without torch: the processes that decode start in a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from pipeline.audio.logmel import BANDS, EXAMPLE, clip_examples
from pipeline.data.clip import FRAMES, Clip
from pipeline.data.video import read_mono
from pipeline.utils.errors import PipelineError
from pipeline.utils.packed_arrays import new_array, write_row
from pipeline.utils.parallel import map_all
from pipeline.utils.progress import Track, no_progress

T = TypeVar("T")


def clip_wave(clip: Clip) -> np.ndarray:
    """A clip's own sound, (samples,) float32 mono at 16 kHz, from its wav or its video."""
    source = clip.audio or clip.video
    assert source is not None, "the catalogue has let through a clip without sound"
    return read_mono(Path(source))


def pack_examples(
    wave: Callable[[T], np.ndarray],
    items: Sequence[T],
    path: Path,
    *,
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
    what: str = "sounds",
) -> list[str]:
    """Make the .npy file `path`, (len(items), 5, 1, 96, 64) float32, of each item's wave; notes in the items'
    order.

    Workers write their rows to the mapped file, so memory does not grow with the number of items.
    """
    new_array(path, np.float32, (len(items), FRAMES, 1, EXAMPLE, BANDS))
    work = _Pack(wave, path)
    return map_all(work, list(enumerate(items)), jobs=jobs, backend=backend, track=track, what=what)


@dataclass(frozen=True)
class _Pack(Generic[T]):
    """The work on one sound, picklable."""

    wave: Callable[[T], np.ndarray]
    path: Path

    def __call__(self, numbered: tuple[int, T]) -> str:
        row, item = numbered
        try:
            examples, note = clip_examples(self.wave(item))
        except PipelineError as error:
            raise PipelineError(f"{getattr(item, 'name', item)}: {error}") from error
        write_row(self.path, row, examples)
        return note
