"""Sound localisation without masks (after LVS, Chen et al., CVPR 2021): what in the picture is the sound?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.model.backbone import build_backbone
from pipeline.model.checkpointing import run_checkpointed
from pipeline.model.segmenter import Segmentation
from pipeline.ops.distributed import gather
from pipeline.ops.resize import resize

STRIDE = 16
FLAT = 1e-4  # cosines of a frame that differ by less are one and the same but for rounding


class Localiser(nn.Module):
    """An encoder's stride-16 map and the audio feature, projected to one space and compared by cosine.

    Args:
        backbone: "resnet18", "resnet50" or "pvt_v2_b5"; weights are random.
        width: of the common space.
        audio_dim: size of an audio feature.

    With `checkpointing` set, training keeps no activations of the encoder, as in `Segmenter`.
    """

    def __init__(self, backbone: str = "resnet18", width: int = 128, audio_dim: int = 128) -> None:
        super().__init__()
        self.checkpointing = False
        self.encoder = build_backbone(backbone)
        self.project_map = nn.Conv2d(self.encoder.channels[2], width, 1)
        self.project_audio = nn.Linear(audio_dim, width)

    def compare(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Every frame under every sound, for `pipeline.losses.trimap`.

        (n, 3, H, W), (n, audio_dim) -> cosines (n, n, H / 16, W / 16): row i frame i, column j sound j; n is
        that of all processes together.
        """
        return torch.einsum("ichw,jc->ijhw", gather(self._map(frames)), gather(self._sound(audio)))

    @property
    def crop_width(self) -> int:
        """Size of a crop feature, of `crop_features`."""
        return self.encoder.channels[-1]

    def forward(self, frames: Tensor, audio: Tensor, first: int | None = None) -> Segmentation:
        """(B, T, 3, H, W), (B, T, audio_dim) -> logits (B, T, H, W), as `Segmenter` gives them."""
        return self.decode(self.encode(frames), audio, first)

    def encode(self, frames: Tensor) -> list[Tensor]:
        """The pictures alone: (B, T, 3, H, W) -> one map (B, T, width, H / 16, W / 16) of units."""
        return [self._map(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])]

    def decode(self, maps: Sequence[Tensor], audio: Tensor | None, first: int | None = None) -> Segmentation:
        """Logits (B, T, H, W) of the cosines, each frame's scaled from its least (0) to its largest (1).

        The test of LVS scales its maps so too, and then keeps the upper half of the pixels; here a mask is
        cut at half of the range, as any probability is. The loss contrasts pictures with one another and
        leaves a cosine's own value open. So a mask covers what fits the sound best, and there always is such
        a thing: a localiser cannot say that nothing sounds.
        """
        if audio is None:
            raise ValueError("a localiser compares pictures with sounds, and there is no sound")
        unit = maps[0][:, :first]
        cosine = torch.einsum("btchw,btc->bthw", unit, self._sound(audio[:, :first]))
        size = (STRIDE * cosine.shape[-2], STRIDE * cosine.shape[-1])
        cosine = resize(cosine.float(), size, align_corners=False)
        least, largest = cosine.amin((2, 3), keepdim=True), cosine.amax((2, 3), keepdim=True)
        scaled = (cosine - least) / (largest - least).clamp(min=FLAT)
        return Segmentation(scaled.logit(eps=1e-6), [], [])

    def crop_features(self, crops: Tensor) -> Tensor:
        """Global average of the encoder's last map: (B, T, 3, s, s) -> (B, T, encoder.channels[3])."""
        return self.encoder(crops.flatten(0, 1))[-1].mean((2, 3)).unflatten(0, crops.shape[:2])

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the encoder in place; training calls `compare`, never the whole."""
        self.encoder.compile(*args, **kwargs)

    def _map(self, images: Tensor) -> Tensor:
        maps = run_checkpointed(self.encoder, images, twice=self.checkpointing and self.training)
        return functional.normalize(self.project_map(maps[2]), dim=1)

    def _sound(self, audio: Tensor) -> Tensor:
        return functional.normalize(self.project_audio(audio), dim=-1)
