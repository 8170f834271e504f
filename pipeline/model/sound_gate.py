"""Sound gate: a coarse map next to the mask that says which positions are heard, and can only close it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.ops.resize import resize

STAGES = (2, 3, 4)  # of the encoder, at strides 8, 16 and 32: which object it is, not where it ends
STRIDE = 8
WIDTH = 64
INITIAL_BIAS = 2.0  # added to every logit, so that an untrained gate hides nothing


class SoundGate(nn.Module):
    """The logit, for each position of the encoder's maps, that what is there makes the sound.

    It is the inner product of a visual vector at the position with a key made from the sound, plus a bias
    that the sound alone decides. The sound is a frame's feature, next to the mean over its clip's.

    Args:
        widths: channels of the encoder's four maps, finest first.
        audio_dim: size of an audio feature.
    """

    def __init__(self, widths: Sequence[int], audio_dim: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(widths[stage - 1], WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH))
            for stage in STAGES
        )
        self.mix = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 1),
        )
        self.sound = nn.Sequential(nn.Linear(2 * audio_dim, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH + 1))

    def project_maps(self, maps: Sequence[Tensor]) -> Tensor:
        """The visual side: the encoder's maps (n, C, H/4, W/4) ... (n, C, H/32, W/32) -> (n, D, H/8, W/8)."""
        fine, *coarse = (lateral(maps[s - 1]) for lateral, s in zip(self.laterals, STAGES, strict=True))
        for m in coarse:
            fine = fine + resize(m, (fine.shape[-2], fine.shape[-1]), align_corners=False)
        return self.mix(fine)

    def forward(self, gate_features: Tensor, audio: Tensor) -> Tensor:
        """Compare projected maps (B, T, D, H/8, W/8) with sounds (B, T, audio_dim): logits (B, T, H, W)."""
        clip = audio.mean(1, keepdim=True).expand_as(audio)
        key, bias = self.sound(torch.cat([audio, clip], -1)).split([WIDTH, 1], -1)
        similarity = torch.einsum("btchw,btc->bthw", gate_features, key) / WIDTH**0.5
        logits = similarity + bias[..., None] + INITIAL_BIAS
        return resize(logits, (STRIDE * logits.shape[-2], STRIDE * logits.shape[-1]), align_corners=False)
