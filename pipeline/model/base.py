"""The interface of a network for audio-visual segmentation, and what all networks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from torch import Tensor, nn

from pipeline.model.backbone import Backbone
from pipeline.model.checkpointing import frozen_bn_stats, run_checkpointed
from pipeline.model.sound_gate import SoundGate


class ModelSettings(Protocol):
    """The settings of a network: section `model` of params.yaml. Each network uses some of them."""

    @property
    def backbone(self) -> str:
        """Name of the image encoder."""
        ...

    @property
    def channels(self) -> int:
        """Width of everything after the encoder."""
        ...

    @property
    def tpavi_stages(self) -> list[Any]:
        """Stages with TPAVI, 1 (stride 4) to 4 (stride 32)."""
        ...

    @property
    def tpavi_bn_gamma(self) -> float:
        """First scale of TPAVI's batch norm."""
        ...

    @property
    def sound_gate(self) -> bool:
        """Whether there is a sound gate."""
        ...


class Encoded(NamedTuple):
    """What a network makes of the frames alone, before any sound.

    Attributes:
        maps: visual maps (B, T, C, h, w), finest first.
        gate_features: what a sound gate compares with the sound, (B + n, T, D, H/8, W/8); or None.
    """

    maps: list[Tensor]
    gate_features: Tensor | None = None


class Segmentation(NamedTuple):
    """A network's output for a batch of clips.

    Attributes:
        logits: (B, T, H, W), at input size.
        maps: for each stage, finest first, ReLU(Z) (B, T, C, h, w), which the decoder and the AVM loss read.
        audio: for each stage the aligned audio A (B, T, C); None where no audio took part.
    """

    logits: Tensor
    maps: list[Tensor]
    audio: list[Tensor | None]


class AVSModel(nn.Module, ABC):
    """Base class of the networks: an image encoder, and `encode` and `decode` around the sound.

    Frames are encoded once and decoded under any number of sounds, which is why the two steps are apart.

    Attributes:
        SETTINGS: the fields of `ModelSettings` that the network uses.
        encoder: the image encoder.
        sound_gate: the sound gate, where the network has one.
        checkpointing: whether training recomputes activations in the backward pass instead of keeping them:
            the same result in less memory.
    """

    SETTINGS: ClassVar[frozenset[str]]
    encoder: Backbone
    sound_gate: SoundGate | None

    def __init__(self) -> None:
        super().__init__()
        self.checkpointing = False
        self.sound_gate = None

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: ModelSettings, attention: str, audio_dim: int) -> Self:
        """The network with random weights.

        Args:
            settings: of which the network reads `SETTINGS` and nothing else.
            attention: what TPAVI attends to, for a network that has it (see `Segmenter`).
            audio_dim: size of an audio feature.
        """

    @abstractmethod
    def encode(self, frames: Tensor, gate_frames: Tensor | None = None) -> Encoded:
        """Encode frames, without any sound.

        Args:
            frames: (B, T, 3, H, W), normalised.
            gate_frames: (n, T, 3, H, W), more frames, for the sound gate alone.
        """

    @abstractmethod
    def decode(self, encoded: Encoded, audio: Tensor | None, num_frames: int | None = None) -> Segmentation:
        """Segment encoded frames under a sound.

        Args:
            encoded: from `encode`.
            audio: (B, T, audio_dim); None for no sound, where the network can do without.
            num_frames: output only the first so many frames of each clip; None for all.
        """

    def forward(self, frames: Tensor, audio: Tensor | None, num_frames: int | None = None) -> Segmentation:
        """Segment (B, T, 3, H, W) under (B, T, audio_dim): `encode`, then `decode`."""
        return self.decode(self.encode(frames), audio, num_frames)

    def audio_cosines(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Cosines of every frame with every clip's sound, for networks that learn by contrast.

        (n, T, 3, H, W), (n, T, audio_dim) -> (T, n, n, h, w): row i clip i's frame, column j clip j's sound.
        """
        raise NotImplementedError(f"{type(self).__name__} does not learn by contrast")

    @classmethod
    def initial_state(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The part of another checkpoint's state dict that the network starts from: by default all."""
        return dict(state)

    @property
    def crop_width(self) -> int:
        """Size of a crop feature, of `crop_features`."""
        return self.encoder.channels[-1]

    def crop_features(self, crops: Tensor) -> Tensor:
        """Global average of the encoder's last map: (B, T, 3, s, s) -> (B, T, crop_width).

        In training, batch norm uses the crops' own statistics but does not add them to its running averages:
        those serve the whole frames of evaluation.
        """
        with frozen_bn_stats(self.encoder):
            features = self._run(self.encoder, crops.flatten(0, 1))[-1].mean((2, 3))
        return features.unflatten(0, crops.shape[:2])

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the parts in place, as `torch.nn.Module.compile` does; names of weights stay.

        Parts and not the whole: training calls `encode`, `decode` and `crop_features`, never the whole.
        """
        for part in self._parts():
            part.compile(*args, **kwargs)

    def _parts(self) -> Iterable[nn.Module]:
        """The modules that training calls."""
        return (self.encoder,)

    def _run(self, part: nn.Module, *inputs: Any) -> Any:
        return run_checkpointed(part, *inputs, checkpointing=self.checkpointing and self.training)
