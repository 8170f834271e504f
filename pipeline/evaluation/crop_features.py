"""Encoder features and embeddings of all crops, for t-SNE and the measures of collapse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.checkpoint.load import Checkpoint
from pipeline.dataset.clips import normalise
from pipeline.dataset.evaluation import EvaluationData
from pipeline.utils.files import atomic_path

BATCH = 32  # clips


@torch.no_grad()
def crop_features(
    checkpoint: Checkpoint, crops: NDArray, present: NDArray, audio: NDArray | None, *, device: torch.device
) -> dict[str, NDArray]:
    """Encoder features of all crops, and, where the variant has crop heads, both embeddings.

    Args:
        checkpoint: the trained model.
        crops: (C, T, s, s, 3) uint8.
        present: (C, T) bool: which of them exist.
        audio: (C, T, 128) float32; not read without heads, and then may be None.
        device: where the model is.

    Returns:
        features (n, D) and row (n,), the clip's number; with heads crop_embedding (n, W) and audio_embedding
        (C, W).
    """
    features, crop_embeddings, audio_embeddings = [], [], []
    for start in range(0, len(crops), BATCH):
        part = torch.from_numpy(np.array(crops[start : start + BATCH])).to(device)
        exists = torch.from_numpy(np.array(present[start : start + BATCH]))
        feature = checkpoint.model.crop_features(normalise(part))
        features.append(feature.cpu()[exists])
        if checkpoint.heads is not None and audio is not None:
            sound = torch.from_numpy(np.array(audio[start : start + BATCH])).to(device)
            output = checkpoint.heads(feature, sound)
            crop_embeddings.append(output.crop_embedding.cpu()[exists])
            audio_embeddings.append(output.audio_embedding.cpu())
    found = {"features": torch.cat(features).numpy(), "row": np.nonzero(np.asarray(present))[0]}
    if crop_embeddings:
        found["crop_embedding"] = torch.cat(crop_embeddings).numpy()
        found["audio_embedding"] = torch.cat(audio_embeddings).numpy()
    return found


def write_crop_features(
    path: Path, checkpoint: Checkpoint, data: EvaluationData, crops_folder: Path, *, device: torch.device
) -> None:
    """Write one checkpoint's `crop_features` with the clip and category of each row, for the report.

    Args:
        path: the .npz file.
        checkpoint: the trained model.
        data: names, categories and audio of the clips.
        crops_folder: folder with crops.npy and present.npy of the first C clips.
        device: where the model is.
    """
    crops = np.load(crops_folder / "crops.npy", mmap_mode="r")
    present = np.load(crops_folder / "present.npy")
    found = crop_features(checkpoint, crops, present, data.audio[: len(crops)], device=device)
    row = found.pop("row")
    names, categories = data.names.astype(str), data.categories.astype(str)
    found |= {"clip": names[row], "category": categories[row]}
    if "audio_embedding" in found:
        found |= {"audio_clip": names[: len(crops)], "audio_category": categories[: len(crops)]}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **found)  # type: ignore[arg-type]
