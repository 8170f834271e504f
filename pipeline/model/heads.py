"""Crop heads of the proposed method: a classifier, and projections of crop and audio to one space."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class CropOutput(NamedTuple):
    """The heads' outputs.

    Attributes:
        class_logits: (B, T, K).
        crop_embedding: (B, T, W).
        audio_embedding: (B, W), of the clip's mean audio feature.
    """

    class_logits: Tensor
    crop_embedding: Tensor
    audio_embedding: Tensor


class CropHeads(nn.Module):
    """Three linear layers over the encoder's crop features and the clip's mean audio feature.

    Args:
        in_channels: D, of the crop features (`encoder.channels[3]`).
        categories: K.
        audio_dim: size of an audio feature.
        width: W, of the common space in which crop and audio are compared.
    """

    def __init__(self, in_channels: int, categories: int, audio_dim: int = 128, width: int = 128) -> None:
        super().__init__()
        self.classifier = nn.Linear(in_channels, categories)
        self.project_crop = nn.Linear(in_channels, width)
        self.project_audio = nn.Linear(audio_dim, width)

    def forward(self, crop_features: Tensor, audio: Tensor) -> CropOutput:
        """Apply the heads to crop features (B, T, D) and audio features (B, T, audio_dim)."""
        return CropOutput(
            self.classifier(crop_features),
            self.project_crop(crop_features),
            self.project_audio(audio.mean(1)),
        )
