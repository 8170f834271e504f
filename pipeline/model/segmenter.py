"""Segmentation network: encoder, ASPP, TPAVI at chosen stages, decoder (Zhou et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pipeline.model.aspp import ASPP
from pipeline.model.backbone import build_backbone
from pipeline.model.base import AVSModel, Encoded, ModelSettings, Segmentation
from pipeline.model.checkpointing import frozen_bn_stats
from pipeline.model.decoder import Decoder
from pipeline.model.sound_gate import SoundGate
from pipeline.model.tpavi import TPAVI, attended_audio


class Segmenter(AVSModel):
    """Audio-visual segmentation after Zhou et al., ECCV 2022.

    Args:
        backbone: an encoder's name (see `build_backbone`); weights are random.
        channels: C, width of everything after the encoder; 256 as published.
        tpavi_stages: where sound meets vision; stage 1 is the finest (stride 4).
        audio_dim: size of an audio feature.
        tpavi_bn_gamma: first scale of TPAVI's batch norm (see `TPAVI`).
        attention: what TPAVI attends to, one of `pipeline.model.tpavi.ATTENTIONS`.
        sound_gate: whether a `SoundGate` is added to the mask. A pixel's logit is then the lower of the two,
            so that both have to agree.
    """

    SETTINGS = frozenset({"backbone", "channels", "tpavi_stages", "tpavi_bn_gamma", "sound_gate"})

    def __init__(
        self,
        backbone: str = "resnet18",
        channels: int = 256,
        tpavi_stages: Sequence[int] = (1, 2, 3, 4),
        audio_dim: int = 128,
        tpavi_bn_gamma: float = 0.0,
        attention: str = "sound",
        sound_gate: bool = False,
    ) -> None:
        super().__init__()
        self.backbone, self.channels = backbone, channels
        self.audio_dim, self.attention = audio_dim, attention
        self.encoder = build_backbone(backbone)
        self.reductions = nn.ModuleList(ASPP(width, channels) for width in self.encoder.channels)
        self.tpavi = nn.ModuleDict(
            {str(stage): TPAVI(channels, audio_dim, tpavi_bn_gamma, attention) for stage in tpavi_stages}
        )
        self.decoder = Decoder(channels)
        self.sound_gate = SoundGate(self.encoder.channels, audio_dim) if sound_gate else None
        self.to(memory_format=torch.channels_last)  # convolutions follow their weights' layout

    @classmethod
    def from_settings(cls, settings: ModelSettings, attention: str, audio_dim: int) -> Self:
        """The network of section `model` of params.yaml."""
        return cls(
            settings.backbone,
            settings.channels,
            settings.tpavi_stages,
            audio_dim,
            settings.tpavi_bn_gamma,
            attention,
            settings.sound_gate,
        )

    def encode(self, frames: Tensor, gate_frames: Tensor | None = None) -> Encoded:
        """Visual maps before any sound: four maps V (B, T, C, h, w), and what a sound gate compares.

        Args:
            frames: (B, T, 3, H, W), normalised; H and W divisible by 32, any T.
            gate_frames: (n, T, 3, H, W): more frames, for the sound gate alone. They train the gate but not
                the encoder, nor do they count in its running averages: masks are learned from `frames`.
        """
        if frames.shape[-1] % 32 or frames.shape[-2] % 32:
            raise ValueError(
                f"frames of {tuple(frames.shape[-2:])} pixels: both sides must be divisible by 32"
            )
        features = self._run(self.encoder, frames.flatten(0, 1))
        reduced = (self._run(aspp, f) for aspp, f in zip(self.reductions, features, strict=True))
        maps = [m.unflatten(0, frames.shape[:2]) for m in reduced]
        if self.sound_gate is None:
            return Encoded(maps)
        if gate_frames is not None:
            with torch.no_grad(), frozen_bn_stats(self.encoder):
                more = self.encoder(gate_frames.flatten(0, 1))
            features = [torch.cat(pair) for pair in zip(features, more, strict=True)]
        return Encoded(maps, self.sound_gate.project_maps(features).unflatten(0, (-1, frames.shape[1])))

    def decode(self, encoded: Encoded, audio: Tensor | None, num_frames: int | None = None) -> Segmentation:
        """Segment what sounds; without audio, what stands out. Encoded frames serve any number of sounds.

        Args:
            encoded: from `encode`; without `gate_features` the mask alone is given, before the gate.
            audio: (B, T, audio_dim); None for visual-visual attention.
            num_frames: output only the first so many frames. All frames still take part in attention and
                batch norm, so those masks and their gradients are the same. Where only frame 1 is labelled
                (AVSBench S4), this saves four fifths of the decoder.
        """
        audio = attended_audio(self.attention, audio, encoded.maps[0], self.audio_dim)
        maps, aligned = [], []
        for stage, v in enumerate(encoded.maps, start=1):
            z, a = self._run(self.tpavi[str(stage)], v, audio) if str(stage) in self.tpavi else (v, None)
            # The decoder's first act is a ReLU; the AVM loss reads the maps after it, as published.
            maps.append(torch.relu(z[:, :num_frames]))
            aligned.append(a if a is None else a[:, :num_frames])
        logits = self._run(self.decoder, [m.flatten(0, 1) for m in maps]).unflatten(0, maps[0].shape[:2])
        if self.sound_gate is not None and encoded.gate_features is not None and audio is not None:
            gate = self.sound_gate(encoded.gate_features, audio)
            logits = torch.minimum(logits, gate[:, :num_frames])
        return Segmentation(logits, maps, aligned)

    def _parts(self) -> Iterable[nn.Module]:
        return (self.encoder, *self.reductions, *self.tpavi.values(), self.decoder)
