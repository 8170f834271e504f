"""Sound of every clip: log-mel examples and VGGish features, packed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from pipeline.catalog import clips_of
from pipeline.categories import FRAMES
from pipeline.clip import Clip
from pipeline.errors import PipelineError
from pipeline.files import atomic_folder, write_json
from pipeline.logmel import BANDS, EXAMPLE, clip_examples
from pipeline.packed import new_array, write_row
from pipeline.parallel import map_all
from pipeline.progress import Track, silent
from pipeline.recipe import AudioRecipe
from pipeline.video import read_mono

T = TypeVar("T")


def build_audio(
    catalog: pd.DataFrame,
    out: Path,
    *,
    weights: str = "seeded",
    seed: int = 0,
    standardise: bool = True,
    device: str = "cpu",
    jobs: int = -1,
    backend: str = "loky",
    track: Track = silent,
) -> None:
    """Write the folder `out`, whole or not at all.

    `logmel.npy` float32 (N, 5, 1, 96, 64), `features.npy` float32 (N, 5, 128), `info.json`: the recipe
    (weights, their SHA-256, mean and deviation of the train split) and `notes` (clip -> which examples were
    repeated).
    """
    clips = clips_of(catalog)
    recipe = AudioRecipe.load(weights, seed)  # first: a missing checkpoint shows before an hour of decoding
    with atomic_folder(out) as folder:
        examples = folder / "logmel.npy"
        notes = pack_examples(clip_wave, clips, examples, jobs=jobs, backend=backend, track=track)
        raw = recipe.raw(np.load(examples, mmap_mode="r"), device, track)
        if standardise:
            train = raw[(catalog["split"] == "train").to_numpy()]
            if not len(train):
                raise PipelineError(
                    "the catalogue has no train clip to standardise on; set audio.standardise: false."
                )
            recipe = recipe.fitted(train)
        np.save(folder / "features.npy", recipe.standardise(raw))
        named = {clip.name: note for clip, note in zip(clips, notes, strict=True) if note}
        write_json(folder / "info.json", {**recipe.info(), "notes": named})


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
    track: Track = silent,
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
