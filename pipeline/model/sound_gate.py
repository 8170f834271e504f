"""The sound gate: is what stands here heard? A coarse map beside the mask, which it can only close."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.ops.resize import resize

STAGES = (2, 3, 4)  # of the encoder, at strides 8, 16 and 32: which thing it is, not where it ends
STRIDE = 8
WIDTH = 64
OPEN = 2.0  # added to every logit: nothing is hidden before anything is learned


class SoundGate(nn.Module):
    """Compares each place of the encoder's maps with the sound: a logit that what stands there is heard.

    The sound is a frame's feature beside the mean over its clip's; its inner product with the place's vector,
    and a bias that the sound alone decides, are the logit.

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

    def see(self, maps: Sequence[Tensor]) -> Tensor:
        """The picture alone: the encoder's maps, (n, C, H/4, W/4) ... (n, C, H/32, W/32), to
        (n, D, H/8, W/8).
        """
        fine, *coarse = (lateral(maps[s - 1]) for lateral, s in zip(self.laterals, STAGES, strict=True))
        for m in coarse:
            fine = fine + resize(m, (fine.shape[-2], fine.shape[-1]), align_corners=False)
        return self.mix(fine)

    def forward(self, seen: Tensor, audio: Tensor) -> Tensor:
        """What was seen (B, T, D, H/8, W/8) under sounds (B, T, audio_dim) -> logits (B, T, H, W)."""
        clip = audio.mean(1, keepdim=True).expand_as(audio)
        key, bias = self.sound(torch.cat([audio, clip], -1)).split([WIDTH, 1], -1)
        heard = torch.einsum("btchw,btc->bthw", seen, key) / WIDTH**0.5 + bias[..., None] + OPEN
        return resize(heard, (STRIDE * heard.shape[-2], STRIDE * heard.shape[-1]), align_corners=False)
