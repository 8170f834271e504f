"""Frame tasks: the frames that people label, with the files that Label Studio shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd
from PIL import Image, UnidentifiedImageError

from pipeline.data.catalog import clips_of
from pipeline.data.clip import FRAMES, Clip
from pipeline.data.images import frame_path
from pipeline.labels.voc.label_paths import Frame
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import ALL_CORES, Workers

_CHUNK = 200  # clips a task
_ONE_PROCESS = 400  # clips whose headers one process reads before others would have started


@dataclass(frozen=True)
class FrameTask:
    """One frame to label. `image` is relative to the folder of images, POSIX."""

    frame: Frame
    category: str
    image: str
    width: int
    height: int


def frames_to_label(catalog: pd.DataFrame, images: Path, *, workers: Workers = ALL_CORES) -> list[FrameTask]:
    """The five frames of every train clip, in the catalogue's order.

    Raises:
        PipelineError: names the images that are missing or unreadable.
    """
    clips = [clip for clip in clips_of(catalog) if clip.split == "train"]
    chunks = [clips[start : start + _CHUNK] for start in range(0, len(clips), _CHUNK)]
    if len(clips) <= _ONE_PROCESS:
        workers = replace(workers, jobs=1)
    shown = workers.map(partial(_read_chunk, images), chunks, "groups of frames")
    return list(chain.from_iterable(shown))


def _read_chunk(images: Path, clips: list[Clip]) -> list[FrameTask]:
    return [
        FrameTask(
            Frame(clip.name, number),
            clip.category,
            frame_path(clip, number).as_posix(),
            *image_size(images / frame_path(clip, number)),
        )
        for clip in clips
        for number in range(1, FRAMES + 1)
    ]


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) from an image's header."""
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such frame; run `dvc repro frames`.") from None
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise PipelineError(f"{path}: is not an image ({error}); run `dvc repro -f frames`.") from error
