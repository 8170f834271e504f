"""Packed spectrograms: the log-mel patches of many sounds in one file.

Without torch, so that the processes that decode start fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from pipeline.audio.logmel import BANDS, PATCH, clip_patches
from pipeline.data.clip import FRAMES, Clip
from pipeline.data.sound import read_mono
from pipeline.utils.errors import PipelineError
from pipeline.utils.packed_arrays import new_array, write_row
from pipeline.utils.parallel import ALL_CORES, Workers

T = TypeVar("T")


def clip_wave(clip: Clip) -> np.ndarray:
    """A clip's own sound, (samples,) float32 mono at 16 kHz, from its wav or its video."""
    source = clip.audio or clip.video
    assert source is not None, "the catalogue admits no clip without sound"
    return read_mono(Path(source))


def pack_patches(
    wave: Callable[[T], np.ndarray],
    items: Sequence[T],
    path: Path,
    *,
    workers: Workers = ALL_CORES,
    what: str = "sounds",
) -> list[str]:
    """Write the log-mel patches of many sounds to a .npy file, (n, 5, 1, 96, 64) float32.

    Each worker writes its rows to the file, so memory does not grow with n.

    Args:
        wave: gives an item's sound, (samples,) mono at 16 kHz; picklable.
        items: n clips, or whatever `wave` takes.
        path: the file to write.
        workers: processes that share the items.
        what: the items' name in messages and progress.

    Returns:
        For each item a note of what was repeated, or "".

    Raises:
        PipelineError: a sound cannot be read or is too short; names the items.
    """
    new_array(path, np.float32, (len(items), FRAMES, 1, PATCH, BANDS))
    return workers.map(_PackPatches(wave, path), list(enumerate(items)), what)


@dataclass(frozen=True)
class _PackPatches(Generic[T]):
    """The work on one sound, picklable; returns its note."""

    wave: Callable[[T], np.ndarray]
    path: Path

    def __call__(self, numbered: tuple[int, T]) -> str:
        row, item = numbered
        try:
            patches, note = clip_patches(self.wave(item))
        except PipelineError as error:
            raise PipelineError(f"{getattr(item, 'name', item)}: {error}") from error
        write_row(self.path, row, patches)
        return note
