"""The packed data of one world, for testing checkpoints on it: this checkout's own, or another's."""

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
    """What the data stages left in one folder, rows as in the catalogue.

    Attributes:
        frames: the folder with frames.npy, masks.npy, labelled.npy.
        audio: (N, T, 128) float32, each clip's own sound.
        sounds: by condition of the listening test, (N, T, 128); NaN where a clip lacks the condition.
        silent_masks: (N, T, H, W) truth of the visible object that is silent; None where no clip has one.
    """

    catalog: pd.DataFrame
    frames: Path
    audio: NDArray[np.float32]
    sounds: dict[str, NDArray[np.float32]]
    silent_masks: NDArray[np.uint8] | None

    @property
    def names(self) -> NDArray:
        return self.catalog["name"].to_numpy()

    @property
    def categories(self) -> NDArray:
        return self.catalog["category"].to_numpy()

    @property
    def crowded(self) -> bool:
        """Whether a silent object stands beside the one that sounds, in some clip at least."""
        return any(self.catalog["silent_category"])


def read_evaluation_data(data: Path) -> EvaluationData:
    """Open the folder that holds catalog.parquet, frames/, audio/ and negatives/; arrays are mapped.

    Raises `PipelineError` that names what is missing or broken.
    """
    silent, features = data / "frames" / "silent_masks.npy", data / "audio" / "features.npy"
    sounds = sorted((data / "negatives").glob("*.npy"))
    if not features.exists() or not sounds:
        lacking = data / "negatives" if features.exists() else features
        raise PipelineError(f"{lacking}: is not there; run `dvc repro negatives frames` where it belongs.")
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
        silent_masks=open_packed(silent) if silent.exists() else None,
    )


def restandardise(features: NDArray[np.float32], made: Path, wanted: Path) -> NDArray[np.float32]:
    """Features standardised on one world's train split, as another world's recipe would have given them.

    A model knows sounds on the scale of the world it was trained in. A feature that was constant there, or
    here, is given as 0.

    Args:
        features: (..., 128) of the recipe in `made`/info.json.
        wanted: the audio folder whose recipe to follow.

    Raises `PipelineError` where the two recipes have different VGGish weights.
    """
    here, there = read_json(made / "info.json"), read_json(wanted / "info.json")
    if any(here.get(key) != there.get(key) for key in ("seed", "sha256")):
        raise PipelineError(
            f"{made} and {wanted}: made with different VGGish weights, so that their features cannot be "
            "compared; make both with the same `audio.weights` and `audio.seed`."
        )
    (mean, std), (wanted_mean, wanted_std) = _moments(here), _moments(there)
    if np.array_equal(mean, wanted_mean) and np.array_equal(std, wanted_std):
        return features
    varies = (std > 0) & (wanted_std > 0)
    raw = features * std + mean
    return np.where(varies, (raw - wanted_mean) / np.where(varies, wanted_std, 1), 0).astype(np.float32)


def _moments(info: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if info.get("mean") is None:
        return np.float32(0), np.float32(1)  # type: ignore[return-value]
    return np.array(info["mean"], np.float32), np.array(info["std"], np.float32)
