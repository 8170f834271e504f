"""Frames of every clip: images for annotators, and packed arrays that training maps into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.data.catalog import clips_of
from pipeline.data.clip import FRAMES, PUBLISHED_SIDE, Clip
from pipeline.data.images import frame_path, read_rgb, resize_image, write_jpeg
from pipeline.data.masks import check_size, read_mask, resize_mask
from pipeline.data.video import ClipFrames, read_frames
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder, write_json
from pipeline.utils.packed_arrays import new_array, write_row
from pipeline.utils.parallel import ALL_CORES, Workers


def build_frames(
    catalog: pd.DataFrame,
    out: Path,
    *,
    image_size: int,
    jpeg_quality: int = 95,
    workers: Workers = ALL_CORES,
) -> dict[str, str]:
    """Extract the frames of every clip; write the folder `out` atomically.

    The folder holds, for N clips in the catalogue's order and S = `image_size`:

    - `images/{split}/{category}/{name}/{name}_{k}.jpg` at the clip's own size;
    - `frames.npy`, uint8 (N, 5, S, S, 3) RGB, stretched;
    - `masks.npy`, uint8 (N, 5, S, S) of 0 and 1, and `labelled.npy`, bool (N, 5): which frames have a mask;
    - `silent_masks.npy`, like masks.npy, if the data have masks of silent objects;
    - `notes.json`, clip -> which frames were repeated.

    Each worker writes the rows of its clips to the files, so memory does not grow with N.

    Args:
        catalog: the clip catalogue.
        out: folder to write.
        image_size: side of the packed frames, in pixels.
        jpeg_quality: 0 to 100.
        workers: processes that share the clips.

    Returns:
        The content of notes.json.
    """
    clips = clips_of(catalog)
    with atomic_folder(out) as folder:
        shape = (len(clips), FRAMES, image_size, image_size)
        new_array(folder / "frames.npy", np.uint8, (*shape, 3))
        new_array(folder / "masks.npy", np.uint8, shape)
        if any(clip.silent_masks for clip in clips):
            new_array(folder / "silent_masks.npy", np.uint8, shape)
        np.save(
            folder / "labelled.npy", np.array([[mask is not None for mask in clip.masks] for clip in clips])
        )
        work = _PackFrames(folder, image_size, jpeg_quality)
        found = workers.map(work, list(enumerate(clips)), "clips to frames")
        notes = {clip.name: note for clip, note in zip(clips, found, strict=True) if note}
        write_json(folder / "notes.json", notes)
    return notes


def clip_frames(clip: Clip) -> ClipFrames:
    """A clip's frames from its distributed images or its video: (5, height, width, 3) uint8 RGB.

    Raises:
        PipelineError: a file is missing or broken, or the images differ in size.
    """
    if clip.frames is None:
        assert clip.video is not None, "the catalogue admits no clip without pictures"
        return read_frames(Path(clip.video))
    paths = [Path(path) for path in clip.frames if path is not None]
    images = [read_rgb(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise PipelineError(f"{path}: differs in size from {paths[0]}; frames of a clip have one size.")
    note = (
        "" if len(images) == FRAMES else f"{len(images)} of {FRAMES} frames exist; the last frame is repeated"
    )
    images += [images[-1]] * (FRAMES - len(images))
    return ClipFrames(np.stack(images), note)


@dataclass(frozen=True)
class _PackFrames:
    """The work on one clip, picklable; returns its note."""

    folder: Path
    size: int
    quality: int

    def __call__(self, numbered: tuple[int, Clip]) -> str:
        row, clip = numbered
        cv2.setNumThreads(1)  # clips are the unit of parallel work
        images, note = clip_frames(clip)
        for k, image in enumerate(images, 1):
            path = self.folder / "images" / frame_path(clip, k)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_jpeg(path, image, self.quality)
        packed = np.stack([resize_image(image, self.size) for image in images])
        write_row(self.folder / "frames.npy", row, packed)
        write_row(self.folder / "masks.npy", row, self._masks(clip.masks, images.shape[1:3]))
        if clip.silent_masks is not None:
            silent = self._masks(clip.silent_masks, images.shape[1:3])
            write_row(self.folder / "silent_masks.npy", row, silent)
        return note

    def _masks(self, paths: list[str | None], frame: tuple[int, int]) -> np.ndarray:
        masks = np.zeros((FRAMES, self.size, self.size), np.uint8)
        for mask, path in zip(masks, paths, strict=True):
            if path is not None:
                native = read_mask(Path(path))
                check_size(Path(path), native, frame, also=(PUBLISHED_SIDE, self.size))
                mask[:] = resize_mask(native, self.size)
        return masks
