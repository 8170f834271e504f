"""One recipe from waves to audio features, for every sound: the clips', negatives, a user's own video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.audio.logmel import clip_examples
from pipeline.audio.vggish import FEATURES, VGGish, load_vggish
from pipeline.data.clip import FRAMES
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import read_json
from pipeline.utils.progress import Track, no_progress

BATCH = 32  # examples a forward pass: more are not faster on a CPU, and take memory


@dataclass(frozen=True)
class AudioFeatureExtractor:
    """VGGish with its weights, and the standardisation fitted on the train split.

    A negative that came by another way could be told by its way instead of its sound: whatever a model hears
    goes through this class.
    """

    network: VGGish
    weights: str  # `seeded` or the checkpoint's path
    seed: int
    sha256: str  # of the checkpoint; '' for seeded
    mean: np.ndarray | None = None  # (128,) float32, of the train split; None: not standardised
    std: np.ndarray | None = None  # (128,) float32; 0 marks a feature that does not vary, which is given as 0

    @classmethod
    def load(cls, weights: str, seed: int = 0) -> AudioFeatureExtractor:
        """A recipe without standardisation. Raises `PipelineError` if the weights cannot be read."""
        network, sha256 = load_vggish(weights, seed)
        return cls(network, weights, seed, sha256)

    @classmethod
    def from_folder(cls, folder: Path) -> AudioFeatureExtractor:
        """The recipe by which `folder`/features.npy was made, from `folder`/info.json.

        Raises `PipelineError` if the file is missing or the checkpoint is not the one that was used.
        """
        info = read_json(folder / "info.json")
        try:
            recipe = cls.load(info["weights"], info["seed"])
            if recipe.sha256 != info["sha256"]:
                raise PipelineError(
                    f"{info['weights']}: is not the checkpoint that made {folder}; "
                    "put that one back or run `dvc repro audio`."
                )
            if info["mean"] is None:
                return recipe
            return replace(
                recipe, mean=np.array(info["mean"], np.float32), std=np.array(info["std"], np.float32)
            )
        except (KeyError, TypeError) as error:
            raise PipelineError(f"{folder / 'info.json'}: lacks {error}; run `dvc repro audio`.") from error

    def info(self) -> dict[str, Any]:
        """What `from_folder` needs, for info.json."""
        return {
            "weights": self.weights,
            "seed": self.seed,
            "sha256": self.sha256,
            "standardised": self.mean is not None,
            "mean": None if self.mean is None else self.mean.tolist(),
            "std": None if self.std is None else self.std.tolist(),
        }

    def fitted(self, raw: np.ndarray) -> AudioFeatureExtractor:
        """The recipe that takes each feature of `raw` (n, 5, 128) to mean 0 and deviation 1.

        Random ReLU units can be silent for nearly every sound. Dividing by their tiny deviation would blow up
        the rare sound that wakes them (to 120 in a trial), so a feature below a twentieth of the largest
        deviation counts as constant.
        """
        flat = raw.reshape(-1, FEATURES).astype(np.float64)
        std = flat.std(axis=0)
        std[std <= 0.05 * std.max(initial=0)] = 0
        return replace(self, mean=flat.mean(axis=0).astype(np.float32), std=std.astype(np.float32))

    def standardise(self, raw: np.ndarray) -> np.ndarray:
        """(..., 128) float32 -> the same, standardised if the recipe says so; constant features become 0."""
        if self.mean is None or self.std is None:
            return raw
        varies = self.std > 0
        scale = np.where(varies, 1 / np.where(varies, self.std, 1), 0).astype(np.float32)
        return (raw - self.mean) * scale

    def raw(
        self,
        examples: np.ndarray,
        device: str = "cpu",
        track: Track = no_progress,
    ) -> np.ndarray:
        """VGGish on packed examples (n, 5, 1, 96, 64), mapped or not -> (n, 5, 128), not standardised."""
        # channels last: a third less time on a CPU
        network = self.network.to(device).to(memory_format=torch.channels_last)
        clips = max(1, BATCH // FRAMES)
        starts = range(0, len(examples), clips)
        out = np.empty((len(examples), FRAMES, FEATURES), np.float32)
        with torch.inference_mode():
            for start in track(starts, len(starts), "VGGish batches"):
                batch = torch.from_numpy(np.array(examples[start : start + clips])).to(device)
                out[start : start + clips] = (
                    network(batch.flatten(0, 1)).unflatten(0, (-1, FRAMES)).cpu().numpy()
                )
        return out

    def features(self, waves: Sequence[np.ndarray] | np.ndarray, device: str = "cpu") -> np.ndarray:
        """Mono 16 kHz waves, (n, samples) or a list of (samples,) -> features (n, 5, 128) float32."""
        examples = np.stack([clip_examples(wave)[0] for wave in waves])
        return self.standardise(self.raw(examples, device))
