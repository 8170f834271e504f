"""Five frames a clip: images for annotators, and packed arrays that training maps into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.data.catalog import clips_of
from pipeline.data.clip import FRAMES, PUBLISHED_SIDE, Clip
from pipeline.data.masks import check_size, read_image, read_mask, resize_mask
from pipeline.data.video import ClipFrames, read_frames
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder, write_json
from pipeline.utils.packed_arrays import new_array, write_row
from pipeline.utils.parallel import map_all
from pipeline.utils.progress import Track, no_progress


def image_path(clip: Clip, k: int) -> Path:
    """Where frame k (1..5) of a clip lies, relative to the folder of images."""
    return Path(clip.split) / clip.category / clip.name / f"{clip.name}_{k}.jpg"


def build_frames(
    catalog: pd.DataFrame,
    out: Path,
    *,
    image_size: int,
    jpeg_quality: int = 95,
    jobs: int = -1,
    backend: str = "loky",
    track: Track = no_progress,
) -> dict[str, str]:
    """Decode every clip and write the folder `out`, whole or not at all.

    `images/{split}/{category}/{name}/{name}_{k}.jpg` in native size, `frames.npy` uint8 (N, 5, S, S, 3) RGB
    stretched to S = `image_size`, `masks.npy` uint8 (N, 5, S, S) of 0 and 1, `labelled.npy` bool (N, 5),
    `silent_masks.npy` like masks where the data have them, and `notes.json` (clip -> what was repeated). Each
    worker writes its clips' rows to the mapped files, so memory does not grow with N.

    Returns:
        What notes.json holds.
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
        work = _Pack(folder, image_size, jpeg_quality)
        found = map_all(
            work, list(enumerate(clips)), jobs=jobs, backend=backend, track=track, what="clips to frames"
        )
        notes = {clip.name: note for clip, note in zip(clips, found, strict=True) if note}
        write_json(folder / "notes.json", notes)
    return notes


def clip_frames(clip: Clip) -> ClipFrames:
    """A clip's frames from its distributed images or its video, (5, height, width, 3) uint8 RGB."""
    if clip.frames is None:
        assert clip.video is not None, "the catalogue has let through a clip without pictures"
        return read_frames(Path(clip.video))
    paths = [Path(path) for path in clip.frames if path is not None]
    images = [read_rgb(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise PipelineError(
                f"{path}: is of another size than {paths[0]}; frames of a clip have one size."
            )
    note = (
        "" if len(images) == FRAMES else f"{len(images)} of {FRAMES} frames exist; the last frame is repeated"
    )
    images += [images[-1]] * (FRAMES - len(images))
    return ClipFrames(np.stack(images), note)


def read_rgb(path: Path) -> np.ndarray:
    """An image file as (height, width, 3) uint8 RGB, whatever it is stored as; transparency is dropped."""
    image = read_image(path)
    if image.dtype != np.uint8:
        raise PipelineError(f"{path}: is a {image.dtype} image; save it with 8 bits a channel.")
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., 2::-1])


def resize_image(image: np.ndarray, size: int) -> np.ndarray:
    """(height, width, 3) -> (size, size, 3), stretched: the area's mean, or bilinear where it grows."""
    height, width = image.shape[:2]
    shrinks = height >= size and width >= size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """Write (height, width, 3) RGB as JPEG, without EXIF: nothing that shows it can turn it."""
    encoded, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not encoded:
        raise PipelineError(f"{path}: an image of shape {image.shape} cannot be stored as JPEG.")
    path.write_bytes(data.tobytes())


@dataclass(frozen=True)
class _Pack:
    """The work on one clip, picklable."""

    folder: Path
    size: int
    quality: int

    def __call__(self, numbered: tuple[int, Clip]) -> str:
        row, clip = numbered
        cv2.setNumThreads(1)  # clips are the unit of parallel work
        images, note = clip_frames(clip)
        (self.folder / "images" / image_path(clip, 1)).parent.mkdir(parents=True, exist_ok=True)
        for k, image in enumerate(images, 1):
            write_jpeg(self.folder / "images" / image_path(clip, k), image, self.quality)
        packed = np.stack([resize_image(image, self.size) for image in images])
        write_row(self.folder / "frames.npy", row, packed)
        write_row(self.folder / "masks.npy", row, self._masks(clip.masks, images.shape[1:3]))
        if clip.silent_masks is not None:
            shown = self._masks(clip.silent_masks, images.shape[1:3])
            write_row(self.folder / "silent_masks.npy", row, shown)
        return note

    def _masks(self, paths: list[str | None], frame: tuple[int, int]) -> np.ndarray:
        masks = np.zeros((FRAMES, self.size, self.size), np.uint8)
        for mask, path in zip(masks, paths, strict=True):
            if path is not None:
                native = read_mask(Path(path))
                check_size(Path(path), native, frame, also=(PUBLISHED_SIDE, self.size))
                mask[:] = resize_mask(native, self.size)
        return masks
