"""What a training step hands to the loss terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor


class StageMaps(NamedTuple):
    """Maps of one process, too large to gather: the AVM loss gathers small features of them.

    Attributes:
        logits: (B, T, H, W).
        maps: for each stage ReLU(Z), (B, T, C, h, w).
        audio: for each stage the aligned audio (B, T, C); None where no audio took part.
    """

    logits: Tensor
    maps: Sequence[Tensor]
    audio: Sequence[Tensor | None]


class MaskedLogits(NamedTuple):
    """Logits with what they should show: (n, T, H, W) each, targets 0, 1 or `IGNORE_INDEX`."""

    logits: Tensor
    targets: Tensor


class Crops(NamedTuple):
    """Crops as the heads see them.

    Attributes:
        class_logits: (B, T, K).
        crop_embedding: (B, T, W).
        audio_embedding: (B, W), of the clip's mean audio feature.
        category: (B,) int64.
        has_box: (B, T) bool; a frame without a box has no crop.
    """

    class_logits: Tensor
    crop_embedding: Tensor
    audio_embedding: Tensor
    category: Tensor
    has_box: Tensor


@dataclass
class LossInputs:
    """The tensors of one step, of all processes together unless said otherwise; None: no term reads them.

    Attributes:
        logits: (B, T, H, W) under the clips' own audio; T is 1 where only the first frame has a mask.
        masks: (B, T, H, W), 0 or 1.
        has_mask: (B, T) bool.
        stages: this process's maps and aligned audio.
        avm: the form of the AVM loss.
        pseudo_masks: (B, T, H, W), 0, 1 or `IGNORE_INDEX`.
        negatives: logits under negative audio.
        gate: logits of the sound gate.
        crops: what the crop heads say.
        audio_cosines: (T, B, B, h, w): frame t of clip i under the audio of clip j, of a sound localiser.
    """

    logits: Tensor | None = None
    masks: Tensor | None = None
    has_mask: Tensor | None = None
    stages: StageMaps | None = None
    avm: Literal["av", "vv"] = "av"
    pseudo_masks: Tensor | None = None
    negatives: MaskedLogits | None = None
    gate: MaskedLogits | None = None
    crops: Crops | None = None
    audio_cosines: Tensor | None = None
