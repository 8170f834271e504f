"""What a trained model sees and hears: of any video file, with its own sound or another's, and of whole
splits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.logmel import clip_patches
from pipeline.checkpoint.load import Checkpoint
from pipeline.data.images import resize_image
from pipeline.data.sound import read_mono
from pipeline.data.video import read_frames
from pipeline.dataset.clips import ClipDataset, normalise
from pipeline.dataset.loader import prefetch
from pipeline.evaluation.overlay import overlay, strip, write_picture
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_path
from pipeline.utils.progress import Track, no_progress

THRESHOLD = 0.5
SHOWN_WIDTH = 320  # pixels of a frame in the picture, at most


@dataclass(frozen=True)
class Prediction:
    """What a model says of one video.

    Attributes:
        frames: (T, height, width, 3) uint8 RGB, native size.
        probability: (T, S, S) float32: that a pixel belongs to what sounds; at the model's size, stretched.
        note: "" or what was repeated, because the video or its sound is short.
    """

    frames: NDArray[np.uint8]
    probability: NDArray[np.float32]
    note: str

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(T, height, width): where the probability, brought to the frames' size, is above one half."""
        size = self.frames.shape[2], self.frames.shape[1]
        return np.stack([cv2.resize(one, size) for one in self.probability]) > THRESHOLD


def predict_video(
    checkpoint: Checkpoint,
    video: Path,
    recipe: AudioFeatureExtractor | None,
    sound: Path | None = None,
    *,
    device: torch.device,
) -> Prediction:
    """Segment what sounds in the first five seconds of a video, one frame a second, as in training.

    Args:
        recipe: the one that made the features the model was trained on; None for a model without audio.
        sound: a video or sound file to be heard instead of the video's own.

    Raises `PipelineError` for a file that is missing, damaged, or lacks pictures or sound.
    """
    frames, note = read_frames(video)
    size = checkpoint.plan.model.image_size
    packed = np.stack([resize_image(frame, size) for frame in frames])[None]
    audio, heard = (None, "") if recipe is None else _hear(recipe, video, sound, device)
    notes = "; ".join(one for one in (note, heard) if one)
    return Prediction(frames, segment(checkpoint, packed, audio, device=device)[0], notes)


@torch.no_grad()
def segment(
    checkpoint: Checkpoint, frames: NDArray, audio: NDArray | None, *, device: torch.device
) -> NDArray[np.float32]:
    """Frames (B, T, S, S, 3) uint8 RGB, features (B, T, 128) float32 or None -> probability (B, T, S, S)."""
    seen = normalise(torch.from_numpy(frames).to(device))
    heard = None if audio is None else torch.from_numpy(audio).to(device)
    return checkpoint.segmenter(seen, heard).logits.float().sigmoid().cpu().numpy()


def predict_clips(
    checkpoint: Checkpoint,
    frames: Path,
    audio: Path,
    rows: NDArray,
    *,
    device: torch.device,
    batch_size: int,
    track: Track = no_progress,
) -> Iterator[NDArray[np.float32]]:
    """The probability (T, S, S) of each clip at `rows` of the packed arrays, one after another.

    Args:
        frames: the folder of frames.npy. audio: that of features.npy, read if the model listens.

    Raises `PipelineError` if one is missing, or the frames are not of the size that the model was trained on.
    """
    clips = ClipDataset(frames, audio=_features(audio) if checkpoint.plan.audio else None)
    size = checkpoint.plan.model.image_size
    if clips.frames.shape[2] != size:
        raise PipelineError(
            f"{frames}: has frames of {clips.frames.shape[2]} pixels, the checkpoint was trained on {size}; "
            f"set model.image_size: {size} and run `dvc repro frames`."
        )
    groups = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    for batch in track(prefetch(clips, groups), len(groups), "batches to predict"):
        heard = None if batch.audio is None else batch.audio.numpy()
        yield from segment(checkpoint, batch.frames.numpy(), heard, device=device)


def write_prediction(folder: Path, name: str, prediction: Prediction) -> None:
    """Write into `folder`, beside what is there:

    `{name}_{k}.png`, k from 1: masks of 0 and 255 in the frames' size, as `avs score` reads them;
    `probability.npz`: name, frame and probability, as `avs labels propose` reads them; `overlay.png`: the
    frames, what was found in them, and the probability (white is 1), row by row.
    """
    masks = prediction.masks
    numbers = range(1, len(masks) + 1)
    for number, mask in zip(numbers, masks, strict=True):
        write_picture(folder / f"{name}_{number}.png", mask.astype(np.uint8) * 255)
    with atomic_path(folder / "probability.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream, name=[name] * len(masks), frame=list(numbers), probability=prediction.probability
        )
    write_picture(folder / "overlay.png", _picture(prediction, masks))


def _picture(prediction: Prediction, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    height, width = masks.shape[1:]
    shown = min(width, SHOWN_WIDTH)
    size = shown, max(1, round(height * shown / width))
    frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in prediction.frames]
    found = [cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0 for mask in masks]
    grey = [np.rint(cv2.resize(one, size) * 255).astype(np.uint8) for one in prediction.probability]
    rows = (
        frames,
        # no truth is known: all that was found is shown as found rightly
        [overlay(frame, mask, mask) for frame, mask in zip(frames, found, strict=True)],
        [np.repeat(one[..., None], 3, axis=2) for one in grey],
    )
    return np.concatenate([strip(images) for images in rows])


def _features(audio: Path) -> NDArray[np.float32]:
    try:
        return np.load(audio / "features.npy", mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise PipelineError(
            f"{audio / 'features.npy'}: cannot be read ({error}); run `dvc repro audio`."
        ) from error


def _hear(
    recipe: AudioFeatureExtractor, video: Path, sound: Path | None, device: torch.device
) -> tuple[NDArray[np.float32], str]:
    """Features (1, T, 128) of the sound that goes with the video, and "" or what of it was repeated."""
    source = sound or video
    advice = "" if sound else " Another sound can be given with --audio FILE."
    try:
        wave = read_mono(source)
    except PipelineError as error:
        raise PipelineError(f"{error}{advice}") from error
    try:
        return recipe.features([wave], str(device)), clip_patches(wave)[1]
    except PipelineError as error:
        raise PipelineError(f"{source}: {error}{advice}") from error
