"""The whole network: encoder, reductions, TPAVI at chosen stages, decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pipeline.model.aspp import ASPP
from pipeline.model.backbone import build_backbone
from pipeline.model.checkpointing import frozen_bn_stats, run_checkpointed
from pipeline.model.decoder import Decoder
from pipeline.model.sound_gate import SoundGate
from pipeline.model.tpavi import TPAVI


class Segmentation(NamedTuple):
    """What the network says about a batch of clips.

    Attributes:
        logits: (B, T, H, W), at input size.
        maps: for each stage, finest first, ReLU(Z) (B, T, C, h, w): what the decoder and the AVM loss read.
        audio: for each stage the aligned audio A (B, T, C); None where no audio took part.
    """

    logits: Tensor
    maps: list[Tensor]
    audio: list[Tensor | None]


class Segmenter(nn.Module):
    """Audio-visual segmentation after Zhou et al., ECCV 2022.

    Args:
        backbone: "resnet18", "resnet50" or "pvt_v2_b5"; weights are random.
        channels: C, width of everything after the encoder; 256 as published.
        tpavi_stages: where sound meets vision; stage 1 is the finest (stride 4).
        audio_dim: size of an audio feature.
        tpavi_gate: first scale of TPAVI's batch norm (see `TPAVI`).
        attention: what TPAVI attends to: "sound"; "constant", the same network with zeros in the sound's
            place; "clip", all positions of all frames; "frame", those of its own frame. All but the first
            ignore any audio they are given.
        gated: beside the mask a `SoundGate` says where something is heard; a pixel's logit is the lower one
            of the two, so that both have to say yes.

    With `checkpointing` set, training keeps no activations inside the parts (but a gate's) and computes them
    again when their gradients are due: the same result in less memory.
    """

    def __init__(
        self,
        backbone: str = "resnet18",
        channels: int = 256,
        tpavi_stages: Sequence[int] = (1, 2, 3, 4),
        audio_dim: int = 128,
        tpavi_gate: float = 0.0,
        attention: str = "sound",
        gated: bool = False,
    ) -> None:
        if attention not in ("sound", "constant", "clip", "frame"):
            raise ValueError(f"attention: {attention!r} is none of sound, constant, clip, frame")
        super().__init__()
        self.backbone, self.channels = backbone, channels
        self.audio_dim, self.attention = audio_dim, attention
        self.checkpointing = False
        self.encoder = build_backbone(backbone)
        self.reductions = nn.ModuleList(ASPP(width, channels) for width in self.encoder.channels)
        self.tpavi = nn.ModuleDict(
            {str(stage): TPAVI(channels, audio_dim, tpavi_gate) for stage in tpavi_stages}
        )
        self.decoder = Decoder(channels)
        self.sound_gate = SoundGate(self.encoder.channels, audio_dim) if gated else None
        self.to(memory_format=torch.channels_last)  # convolutions follow their weights' layout

    @property
    def crop_width(self) -> int:
        """Size of a crop feature, of `crop_features`."""
        return self.encoder.channels[-1]

    def forward(self, frames: Tensor, audio: Tensor | None, first: int | None = None) -> Segmentation:
        """Segment what sounds; without audio, what stands out.

        Args:
            frames: (B, T, 3, H, W), normalised; H and W divisible by 32, any T.
            audio: (B, T, audio_dim); None for visual-visual attention.
            first: give the masks, maps and audio of the first so many frames alone. All frames still take
                part in attention and batch norm, so those masks and their gradients are the same. Where only
                frame 1 is labelled (AVSBench S4), this spares four fifths of the decoder.
        """
        return self.decode(self.encode(frames), audio, first)

    def encode(self, frames: Tensor, beside: Tensor | None = None) -> list[Tensor]:
        """Visual maps before any sound: (B, T, 3, H, W) -> four maps (B, T, C, h, w), finest first.

        A gated network gives a fifth, what its gate sees, (B + n, T, D, H/8, W/8).

        Args:
            beside: (n, T, 3, H, W): further pictures, that the gate alone sees. It learns from them and the
                encoder does not, nor do they count in its running averages: masks are learned from `frames`.
        """
        if frames.shape[-1] % 32 or frames.shape[-2] % 32:
            raise ValueError(
                f"frames of {tuple(frames.shape[-2:])} pixels: both sides must be divisible by 32"
            )
        maps = self._run(self.encoder, frames.flatten(0, 1))
        reduced = (self._run(reduce, m) for reduce, m in zip(self.reductions, maps, strict=True))
        found = [m.unflatten(0, frames.shape[:2]) for m in reduced]
        if self.sound_gate is not None:
            if beside is not None:
                with torch.no_grad(), frozen_bn_stats(self.encoder):
                    further = self.encoder(beside.flatten(0, 1))
                maps = [torch.cat(pair) for pair in zip(maps, further, strict=True)]
            found.append(self.sound_gate.see(maps).unflatten(0, (-1, frames.shape[1])))
        return found

    def decode(self, maps: Sequence[Tensor], audio: Tensor | None, first: int | None = None) -> Segmentation:
        """Segment from the maps of `encode`; one set of maps serves any number of sounds.

        Without the fifth map of a gated network it is the mask alone, before the gate.
        """
        if self.attention == "constant":
            audio = maps[0].new_zeros(*maps[0].shape[:2], self.audio_dim)
        elif self.attention != "sound":
            audio = None
        shown, aligned = [], []
        for stage, m in enumerate(maps[:4], start=1):
            a: Tensor | None = None
            if str(stage) in self.tpavi:
                if self.attention == "frame":  # every frame is a clip of its own
                    alone = m.flatten(0, 1).unsqueeze(1)
                    m = self._run(self.tpavi[str(stage)], alone, None)[0].view(m.shape)
                else:
                    m, a = self._run(self.tpavi[str(stage)], m, audio)
            # The decoder's first act is a ReLU; the AVM loss reads the maps after it, as published.
            shown.append(torch.relu(m[:, :first]))
            aligned.append(a if a is None else a[:, :first])
        logits = self._run(self.decoder, [m.flatten(0, 1) for m in shown]).unflatten(0, shown[0].shape[:2])
        if len(maps) > 4 and self.sound_gate is not None and audio is not None:
            logits = torch.minimum(logits, self.sound_gate(maps[4], audio)[:, :first])
        return Segmentation(logits, shown, aligned)

    def crop_features(self, crops: Tensor) -> Tensor:
        """Global average of the encoder's last map: (B, T, 3, s, s) -> (B, T, encoder.channels[3]).

        Batch norm uses the crops' own statistics in training but does not add them to its running averages:
        those serve the whole frames of evaluation.
        """
        with frozen_bn_stats(self.encoder):
            features = self._run(self.encoder, crops.flatten(0, 1))[-1].mean((2, 3))
        return features.unflatten(0, crops.shape[:2])

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the parts, as `torch.nn.Module.compile` does, in place; names of weights stay.

        Parts and not the whole: training calls `encode`, `decode` and `crop_features`, never the whole.
        """
        for part in (self.encoder, *self.reductions, *self.tpavi.values(), self.decoder):
            part.compile(*args, **kwargs)

    def _run(self, part: nn.Module, *inputs: Any) -> Any:
        return run_checkpointed(part, *inputs, twice=self.checkpointing and self.training)
