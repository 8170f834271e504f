"""Sound localisation without masks (after LVS, Chen et al., CVPR 2021): what in the picture is the sound?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.losses.trimap import POSITIVE, SOFTNESS
from pipeline.model.backbone import build_backbone


class Localiser(nn.Module):
    """An encoder's stride-16 map and the audio feature, projected to one space and compared by cosine.

    Args:
        backbone: "resnet18", "resnet50" or "pvt_v2_b5"; weights are random.
        width: of the common space.
        audio_dim: size of an audio feature.
    """

    def __init__(self, backbone: str = "resnet18", width: int = 128, audio_dim: int = 128) -> None:
        super().__init__()
        self.encoder = build_backbone(backbone)
        self.project_map = nn.Conv2d(self.encoder.channels[2], width, 1)
        self.project_audio = nn.Linear(audio_dim, width)

    def compare(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Every frame under every sound, for `pipeline.losses.trimap`.

        (n, 3, H, W), (n, audio_dim) -> cosines (n, n, H / 16, W / 16): row i frame i, column j sound j.
        """
        return torch.einsum("ichw,jc->ijhw", self._map(frames), self._sound(audio))

    def forward(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Logits of the mask at input size: sigmoid((cosine - 0.65) / 0.03), the loss's own foreground.

        (B, T, 3, H, W), (B, T, audio_dim) -> (B, T, H, W).
        """
        maps, sounds = self._map(frames.flatten(0, 1)), self._sound(audio.flatten(0, 1))
        cosine = torch.einsum("nchw,nc->nhw", maps, sounds).unsqueeze(1)
        cosine = functional.interpolate(cosine, size=frames.shape[-2:], mode="bilinear", align_corners=False)
        return ((cosine.squeeze(1) - POSITIVE) / SOFTNESS).unflatten(0, frames.shape[:2])

    def _map(self, images: Tensor) -> Tensor:
        return functional.normalize(self.project_map(self.encoder(images)[2]), dim=1)

    def _sound(self, audio: Tensor) -> Tensor:
        return functional.normalize(self.project_audio(audio), dim=-1)
