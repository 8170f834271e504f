"""Packed data for evaluating checkpoints: this checkout's own, or another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.data.catalog import read_catalog
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import read_json
from pipeline.utils.packed_arrays import open_packed


@dataclass(frozen=True)
class EvaluationData:
    """Output of the data stages in one folder, rows as in the catalogue.

    Attributes:
        catalog: one row per clip.
        frames: the folder with frames.npy, masks.npy, labelled.npy.
        audio: (N, T, 128) float32, each clip's own sound.
        sounds: by condition of the negative-audio test, (N, T, 128); NaN where a clip has no such sound.
        silent_object_masks: (N, T, H, W) truth of the visible object that is silent; None where no clip has
            one.
    """

    catalog: pd.DataFrame
    frames: Path
    audio: NDArray[np.float32]
    sounds: Mapping[str, NDArray[np.float32]]
    silent_object_masks: NDArray[np.uint8] | None

    @property
    def names(self) -> NDArray:
        """(N,) clip names."""
        return self.catalog["name"].to_numpy()

    @property
    def categories(self) -> NDArray:
        """(N,) categories, "" where a clip has none."""
        return self.catalog["category"].to_numpy()

    @property
    def two_source(self) -> bool:
        """Whether the scenes hold a silent object next to the one that sounds, in some clip at least."""
        return any(self.catalog["silent_category"])


def read_evaluation_data(data: Path) -> EvaluationData:
    """Open the folder that holds catalog.parquet, frames/, audio/ and negatives/; arrays are memory-mapped.

    Raises:
        PipelineError: something is missing or broken; the message names it.
    """
    silent, features = data / "frames" / "silent_masks.npy", data / "audio" / "features.npy"
    sounds = sorted((data / "negatives").glob("*.npy"))
    if not features.exists() or not sounds:
        missing = data / "negatives" if features.exists() else features
        raise PipelineError(f"{missing}: is not there; run `dvc repro negatives frames` in that checkout.")
    catalog = read_catalog(data / "catalog.parquet")
    for path in (features, data / "frames" / "frames.npy", *sounds):
        if (rows := len(open_packed(path))) != len(catalog):
            raise PipelineError(
                f"{path}: holds {rows} clips, the catalogue {len(catalog)}; run `dvc repro negatives frames`."
            )
    return EvaluationData(
        catalog=catalog,
        frames=data / "frames",
        audio=open_packed(features),
        sounds={path.stem: open_packed(path) for path in sounds},
        silent_object_masks=open_packed(silent) if silent.exists() else None,
    )


def restandardise(features: NDArray[np.float32], audio: Path, trained_audio: Path) -> NDArray[np.float32]:
    """Features standardised by one data set's train split, on the scale of another data set.

    A model knows sounds on the scale of the data it was trained on. A feature that was constant in either
    data set becomes 0.

    Args:
        features: (..., 128), standardised as `audio`/info.json says.
        audio: the audio folder that the features come from.
        trained_audio: the audio folder whose scale they are wanted on.

    Returns:
        (..., 128) float32.

    Raises:
        PipelineError: the two were made with different VGGish weights.
    """
    here, there = read_json(audio / "info.json"), read_json(trained_audio / "info.json")
    if any(here.get(key) != there.get(key) for key in ("seed", "sha256")):
        raise PipelineError(
            f"{audio} and {trained_audio}: made with different VGGish weights, so that their features cannot "
            "be compared; make both with the same `audio.weights` and `audio.seed`."
        )
    (mean, std), (trained_mean, trained_std) = _moments(here), _moments(there)
    if np.array_equal(mean, trained_mean) and np.array_equal(std, trained_std):
        return features
    varies = (std > 0) & (trained_std > 0)
    raw = features * std + mean
    return np.where(varies, (raw - trained_mean) / np.where(varies, trained_std, 1), 0).astype(np.float32)


def _moments(info: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation, (128,) each; 0 and 1 for features that were not standardised."""
    if info.get("mean") is None:
        return np.float32(0), np.float32(1)  # type: ignore[return-value]
    return np.array(info["mean"], np.float32), np.array(info["std"], np.float32)
