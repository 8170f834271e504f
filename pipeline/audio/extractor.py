"""Audio feature extractor: from any sound to the features that a model hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.audio.logmel import clip_patches
from pipeline.audio.vggish import FEATURES, VGGish, load_vggish
from pipeline.data.clip import FRAMES
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import read_json
from pipeline.utils.progress import Track, no_progress

BATCH = 32  # patches in a forward pass: more are not faster on a CPU, and take memory


@dataclass(frozen=True)
class AudioFeatureExtractor:
    """VGGish with its weights, and a standardisation fitted on the train split.

    All audio must go through this class (the clips' own, negative audio, a user's video); otherwise a model
    could recognise negative audio by artefacts of its preprocessing.

    Attributes:
        network: VGGish in evaluation mode.
        weights: `seeded` or the checkpoint's path.
        seed: of seeded weights.
        sha256: of the checkpoint; "" for seeded weights.
        mean: (128,) float32 over the train split; None if features are not standardised.
        std: (128,) float32; 0 marks a feature that does not vary, which is given as 0.
    """

    network: VGGish
    weights: str
    seed: int
    sha256: str
    mean: np.ndarray | None = None
    std: np.ndarray | None = None

    @classmethod
    def load(cls, weights: str, seed: int = 0) -> AudioFeatureExtractor:
        """Load VGGish, without a standardisation.

        Args:
            weights: `seeded` or a checkpoint's path.
            seed: of seeded weights.

        Returns:
            The extractor.

        Raises:
            PipelineError: the weights cannot be read.
        """
        network, sha256 = load_vggish(weights, seed)
        return cls(network, weights, seed, sha256)

    @classmethod
    def from_folder(cls, folder: Path) -> AudioFeatureExtractor:
        """Load the extractor that made `folder`/features.npy, by `folder`/info.json.

        Args:
            folder: as `pipeline.audio.features.build_audio` writes it.

        Returns:
            The extractor.

        Raises:
            PipelineError: info.json is missing, incomplete or has values that are not finite, or the
                checkpoint is not the one that was used.
        """
        info = read_json(folder / "info.json")
        try:
            extractor = cls.load(info["weights"], info["seed"])
            if extractor.sha256 != info["sha256"]:
                raise PipelineError(
                    f"{info['weights']}: is not the checkpoint that made {folder}; "
                    "put that one back or run `dvc repro audio`."
                )
            if info["mean"] is None:
                return extractor
            mean, std = np.array(info["mean"], np.float32), np.array(info["std"], np.float32)
            if not np.isfinite([mean, std]).all():
                raise PipelineError(
                    f"{folder / 'info.json'}: mean or std is NaN or infinite; run `dvc repro -f audio`."
                )
            return replace(extractor, mean=mean, std=std)
        except (KeyError, TypeError) as error:
            raise PipelineError(
                f"{folder / 'info.json'}: {error} is missing; run `dvc repro audio`."
            ) from error

    def info(self) -> dict[str, Any]:
        """Everything that `from_folder` needs, for info.json."""
        return {
            "weights": self.weights,
            "seed": self.seed,
            "sha256": self.sha256,
            "standardised": self.mean is not None,
            "mean": None if self.mean is None else self.mean.tolist(),
            "std": None if self.std is None else self.std.tolist(),
        }

    def fit_standardisation(self, extracted: np.ndarray) -> AudioFeatureExtractor:
        """Fit the standardisation: mean 0 and standard deviation 1 for each feature.

        Random ReLU units can be silent for nearly every sound. Dividing by their tiny deviation would inflate
        the rare sound that activates them (to 120 in a trial), so a feature whose deviation is below a
        twentieth of the largest counts as constant.

        Args:
            extracted: (n, 5, 128), as `extract` returns it, of the train split.

        Returns:
            An extractor that standardises.
        """
        flat = extracted.reshape(-1, FEATURES).astype(np.float64)
        std = flat.std(axis=0)
        std[std <= 0.05 * std.max(initial=0)] = 0
        return replace(self, mean=flat.mean(axis=0).astype(np.float32), std=std.astype(np.float32))

    def standardise(self, extracted: np.ndarray) -> np.ndarray:
        """Standardise features (..., 128), if a standardisation was fitted; constant ones become 0."""
        if self.mean is None or self.std is None:
            return extracted
        varies = self.std > 0
        scale = np.where(varies, 1 / np.where(varies, self.std, 1), 0).astype(np.float32)
        return (extracted - self.mean) * scale

    def extract(self, patches: np.ndarray, device: str = "cpu", track: Track = no_progress) -> np.ndarray:
        """Run VGGish on packed log-mel patches.

        Args:
            patches: (n, 5, 1, 96, 64) float32, in memory or mapped.
            device: that VGGish runs on.
            track: shows progress.

        Returns:
            (n, 5, 128) float32, not standardised.

        Raises:
            PipelineError: the weights give features that are not finite.
        """
        # channels last: a third less time on a CPU
        network = self.network.to(device).to(memory_format=torch.channels_last)
        clips = max(1, BATCH // FRAMES)
        starts = range(0, len(patches), clips)
        out = np.empty((len(patches), FRAMES, FEATURES), np.float32)
        with torch.inference_mode():
            for start in track(starts, len(starts), "VGGish batches"):
                batch = torch.from_numpy(np.array(patches[start : start + clips])).to(device)
                out[start : start + clips] = (
                    network(batch.flatten(0, 1)).unflatten(0, (-1, FRAMES)).cpu().numpy()
                )
        if not np.isfinite(out).all():
            raise PipelineError(
                f"VGGish {self.weights}: gives features that are NaN or infinite; fetch the weights again, "
                "or set audio.weights: seeded."
            )
        return out

    def features(self, waves: Sequence[np.ndarray] | np.ndarray, device: str = "cpu") -> np.ndarray:
        """Features of sounds, standardised if a standardisation was fitted.

        Args:
            waves: n sounds, each (samples,) mono at 16 kHz.
            device: that VGGish runs on.

        Returns:
            (n, 5, 128) float32.

        Raises:
            PipelineError: a sound is shorter than 0.975 s, or the weights give features that are not finite.
        """
        patches = np.stack([clip_patches(wave)[0] for wave in waves])
        return self.standardise(self.extract(patches, device))
