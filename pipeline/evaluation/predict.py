"""Predictions of a trained model: on any video file, with its own sound or another, and on packed clips."""

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
from pipeline.utils.packed_arrays import open_packed
from pipeline.utils.progress import Track, no_progress

THRESHOLD = 0.5
SHOWN_WIDTH = 320  # pixels of a frame in the picture, at most


@dataclass(frozen=True)
class Prediction:
    """Prediction for one video.

    Attributes:
        frames: (T, height, width, 3) uint8 RGB, native size.
        probability: (T, S, S) float32: that a pixel belongs to the sounding object; at the model's size.
        note: "", or what was repeated because the video or its sound is short.
    """

    frames: NDArray[np.uint8]
    probability: NDArray[np.float32]
    note: str

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(T, height, width) bool: where the probability, resized to the frames, is above one half."""
        size = self.frames.shape[2], self.frames.shape[1]
        return np.stack([cv2.resize(one, size) for one in self.probability]) > THRESHOLD


def predict_video(
    checkpoint: Checkpoint,
    video: Path,
    extractor: AudioFeatureExtractor | None,
    sound: Path | None = None,
    *,
    device: torch.device,
) -> Prediction:
    """Segment the sounding objects in the first five seconds of a video.

    One frame per second is used, as in training.

    Args:
        checkpoint: the trained model.
        video: any file that FFmpeg reads.
        extractor: made the features that the model was trained on; None for a model without audio.
        sound: a video or sound file to use instead of the video's own sound.
        device: where the model is.

    Returns:
        Masks at the video's own size, and the probability.

    Raises:
        PipelineError: a file is missing, damaged, or has no pictures or no sound.
    """
    frames, note = read_frames(video)
    size = checkpoint.config.model.image_size
    packed = np.stack([resize_image(frame, size) for frame in frames])[None]
    audio, audio_note = (None, "") if extractor is None else _audio_features(extractor, video, sound, device)
    notes = "; ".join(filter(None, (note, audio_note)))
    return Prediction(frames, segment(checkpoint, packed, audio, device=device)[0], notes)


@torch.no_grad()
def segment(
    checkpoint: Checkpoint, frames: NDArray, audio: NDArray | None, *, device: torch.device
) -> NDArray[np.float32]:
    """Probability that each pixel belongs to a sounding object.

    Args:
        checkpoint: the trained model.
        frames: (B, T, S, S, 3) uint8 RGB.
        audio: (B, T, 128) float32, or None for a model without audio.
        device: where the model is.

    Returns:
        (B, T, S, S) float32.
    """
    pictures = normalise(torch.from_numpy(frames).to(device))
    features = None if audio is None else torch.from_numpy(audio).to(device)
    return checkpoint.model(pictures, features).logits.float().sigmoid().cpu().numpy()


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
    """Predictions for packed clips, one after another.

    Args:
        checkpoint: the trained model.
        frames: the folder of frames.npy.
        audio: the folder of features.npy, read if the model has audio.
        rows: the clips' numbers in the catalogue.
        device: where the model is.
        batch_size: clips.
        track: shows progress.

    Yields:
        The probability (T, S, S) of each clip.

    Raises:
        PipelineError: an array is missing, the frames are of another size than the model was trained on, or
            features are not finite.
    """
    clips = ClipDataset(
        frames, audio=open_packed(audio / "features.npy") if checkpoint.config.audio else None
    )
    size = checkpoint.config.model.image_size
    if clips.frames.shape[2] != size:
        raise PipelineError(
            f"{frames}: has frames of {clips.frames.shape[2]} pixels, the checkpoint was trained on {size}; "
            f"set model.image_size: {size} and run `dvc repro frames`."
        )
    groups = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    for batch in track(prefetch(clips, groups), len(groups), "batches to predict"):
        features = None if batch.audio is None else batch.audio.numpy()
        if features is not None and not np.isfinite(features).all():
            raise PipelineError(
                f"{audio / 'features.npy'}: has features that are NaN or infinite; run `dvc repro -f audio`."
            )
        yield from segment(checkpoint, batch.frames.numpy(), features, device=device)


def write_prediction(folder: Path, name: str, prediction: Prediction) -> None:
    """Write a prediction into `folder`; other files there stay.

    - `{name}_{k}.png`, k from 1: masks of 0 and 255 at the frames' size, as `avs score` reads them;
    - `probability.npz`: name, frame and probability, as `avs labels propose` reads them;
    - `overlay.png`: the frames, the masks over them, and the probability (white is 1), row by row.
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
        # the truth is unknown: every mask is shown as a hit
        [overlay(frame, mask, mask) for frame, mask in zip(frames, found, strict=True)],
        [np.repeat(one[..., None], 3, axis=2) for one in grey],
    )
    return np.concatenate([strip(images) for images in rows])


def _audio_features(
    extractor: AudioFeatureExtractor, video: Path, sound: Path | None, device: torch.device
) -> tuple[NDArray[np.float32], str]:
    """Features (1, T, 128) of the sound that goes with the video, and "" or what of it was repeated."""
    source = sound or video
    advice = "" if sound else " Another sound can be given with --audio FILE."
    try:
        wave = read_mono(source)
    except PipelineError as error:
        raise PipelineError(f"{error}{advice}") from error
    try:
        return extractor.features([wave], str(device)), clip_patches(wave)[1]
    except PipelineError as error:
        raise PipelineError(f"{source}: {error}{advice}") from error
