"""Heads of the proposed method: name the cropped object, and bring crop and sound into one space."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class CropOutput(NamedTuple):
    """What the heads say: class_logits (B, T, K), crop_embedding (B, T, W), audio_embedding (B, W)."""

    class_logits: Tensor
    crop_embedding: Tensor
    audio_embedding: Tensor


class CropHeads(nn.Module):
    """Three linear layers over the encoder's crop features and the clip's mean audio feature.

    Args:
        in_channels: D, of the crop features (`encoder.channels[3]`).
        categories: K.
        audio_dim: size of an audio feature.
        width: W, of the common space in which crop and sound are compared.
    """

    def __init__(self, in_channels: int, categories: int, audio_dim: int = 128, width: int = 128) -> None:
        super().__init__()
        self.classifier = nn.Linear(in_channels, categories)
        self.project_crop = nn.Linear(in_channels, width)
        self.project_audio = nn.Linear(audio_dim, width)

    def forward(self, crop_features: Tensor, audio: Tensor) -> CropOutput:
        """Judge crops (B, T, D) beside the sound of their clip (B, T, audio_dim), averaged over T."""
        return CropOutput(
            self.classifier(crop_features),
            self.project_crop(crop_features),
            self.project_audio(audio.mean(1)),
        )
