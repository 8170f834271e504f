"""Sound localisation network, learned without masks (after LVS, Chen et al., CVPR 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.model.backbone import build_backbone
from pipeline.model.base import AVSModel, Encoded, ModelSettings, Segmentation
from pipeline.ops.distributed import gather
from pipeline.ops.resize import resize

STRIDE = 16
FLAT = 1e-4  # a frame's cosines that differ by less are equal but for rounding


class Localiser(AVSModel):
    """An encoder's stride-16 map and the audio feature, projected to one space and compared by cosine.

    Args:
        backbone: an encoder's name (see `build_backbone`); weights are random.
        width: of the common space.
        audio_dim: size of an audio feature.
    """

    SETTINGS = frozenset({"backbone"})

    def __init__(self, backbone: str = "resnet18", width: int = 128, audio_dim: int = 128) -> None:
        super().__init__()
        self.encoder = build_backbone(backbone)
        self.project_map = nn.Conv2d(self.encoder.channels[2], width, 1)
        self.project_audio = nn.Linear(audio_dim, width)

    @classmethod
    def from_settings(cls, settings: ModelSettings, attention: str, audio_dim: int) -> Self:
        """The network of section `model` of params.yaml, of which it uses the backbone."""
        return cls(settings.backbone, audio_dim=audio_dim)

    @classmethod
    def initial_state(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The encoder's weights of a checkpoint of any network."""
        return {name: value for name, value in state.items() if name.startswith("encoder.")}

    def audio_cosines(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Cosines for `pipeline.losses.trimap`, of all processes' clips together.

        (n, T, 3, H, W), (n, T, audio_dim) -> (T, n, n, H / 16, W / 16): row i clip i's frame, column j clip
        j's sound.
        """
        return torch.stack(
            [
                torch.einsum("ichw,jc->ijhw", gather(self._map(frame)), gather(self._sound(sound)))
                for frame, sound in zip(frames.unbind(1), audio.unbind(1), strict=True)
            ]
        )

    def encode(self, frames: Tensor, gate_frames: Tensor | None = None) -> Encoded:
        """The frames alone: (B, T, 3, H, W) -> one map (B, T, width, H / 16, W / 16) of unit vectors."""
        return Encoded([self._map(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])])

    def decode(self, encoded: Encoded, audio: Tensor | None, num_frames: int | None = None) -> Segmentation:
        """Logits (B, T, H, W) of the cosines, each frame's scaled from its least (0) to its largest (1).

        The test of LVS scales its maps in the same way and then keeps the upper half of the pixels; here a
        mask is cut at half of the range, as any probability is. The loss contrasts pictures with one another
        and leaves a cosine's own value open. So a mask covers what fits the sound best, and there always is
        such a thing: a localiser cannot say that nothing sounds.
        """
        if audio is None:
            raise ValueError("a localiser compares pictures with sounds, and there is no sound")
        unit = encoded.maps[0][:, :num_frames]
        cosine = torch.einsum("btchw,btc->bthw", unit, self._sound(audio[:, :num_frames]))
        size = (STRIDE * cosine.shape[-2], STRIDE * cosine.shape[-1])
        cosine = resize(cosine.float(), size, align_corners=False)
        least, largest = cosine.amin((2, 3), keepdim=True), cosine.amax((2, 3), keepdim=True)
        scaled = (cosine - least) / (largest - least).clamp(min=FLAT)
        return Segmentation(scaled.logit(eps=1e-6), [], [])

    def _map(self, images: Tensor) -> Tensor:
        return functional.normalize(self.project_map(self._run(self.encoder, images)[2]), dim=1)

    def _sound(self, audio: Tensor) -> Tensor:
        return functional.normalize(self.project_audio(audio), dim=-1)
