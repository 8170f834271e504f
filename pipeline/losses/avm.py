"""Audio-visual matching (AVM) losses of Zhou et al., ECCV 2022, as in the published MS3 code.

For stage i, a frame's map Z_i (after the decoder's ReLU), the mask M_i = sigmoid(average pool of the logits
to the map's size) and the masked feature  f_i = mean over positions of M_i * Z_i  (C numbers a frame):

    AV:  L_i = KL(A_i || f_i)          A_i: the aligned audio of the same frame
    VV:  L_i = KL(f_i' || f_i)         f_i': that of the other frame in the batch whose audio A_i is nearest

Both sides are softmaxed over channels, KL is summed over frames (so the loss grows with the batch, as
published), and the stages are averaged. "Batch" is that of all processes: small features are gathered.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.losses.inputs import LossInputs
from pipeline.ops.distributed import gather


def kl(target: Tensor, feature: Tensor) -> Tensor:
    """Sum over frames of KL(softmax(target) || softmax(feature)); both (n, C)."""
    return functional.kl_div(
        feature.log_softmax(-1), target.log_softmax(-1), reduction="sum", log_target=True
    )


def avm_av(logits: Tensor, maps: Sequence[Tensor], audio: Sequence[Tensor | None]) -> Tensor:
    """The AV form: match what the mask selects with what is heard.

    Args:
        logits: (B, T, H, W).
        maps: a stage's ReLU(Z), each (B, T, C, h, w).
        audio: a stage's aligned audio, each (B, T, C); stages with None are left out.

    Returns:
        A scalar, the mean over stages.

    Raises:
        ValueError: no stage has audio.
    """
    stages = []
    for m, a in _with_audio(maps, audio):
        a, feature = gather(a.flatten(0, 1)), gather(_masked_feature(logits, m))
        stages.append(kl(a, feature))
    return torch.stack(stages).mean()


def avm_vv(logits: Tensor, maps: Sequence[Tensor], audio: Sequence[Tensor | None]) -> Tensor:
    """The VV form: match what the masks select in two frames that sound alike.

    A frame is never its own neighbour unless it is alone.

    Args:
        logits: (B, T, H, W).
        maps: a stage's ReLU(Z), each (B, T, C, h, w).
        audio: a stage's aligned audio, each (B, T, C); stages with None are left out.

    Returns:
        A scalar, the mean over stages.

    Raises:
        ValueError: no stage has audio.
    """
    stages = []
    for m, a in _with_audio(maps, audio):
        a, feature = gather(a.detach().flatten(0, 1)), gather(_masked_feature(logits, m))
        nearest = torch.cdist(a.float(), a.float()).fill_diagonal_(torch.inf).argmin(0)
        stages.append(kl(feature[nearest], feature))
    return torch.stack(stages).mean()


def compute(inputs: LossInputs) -> Tensor:
    """The term of one step, in the form that `loss.avm` names: a scalar."""
    assert inputs.stages is not None
    return (avm_av if inputs.avm == "av" else avm_vv)(*inputs.stages)


def _with_audio(maps: Sequence[Tensor], audio: Sequence[Tensor | None]) -> list[tuple[Tensor, Tensor]]:
    pairs = [(m, a) for m, a in zip(maps, audio, strict=True) if a is not None]
    if not pairs:
        raise ValueError("the AVM losses compare with aligned audio, and no stage has any")
    return pairs


def _masked_feature(logits: Tensor, maps: Tensor) -> Tensor:
    """(B, T, H, W), (B, T, C, h, w) -> (B T, C)."""
    # the logits are pooled, not the probabilities: as published
    mask = functional.adaptive_avg_pool2d(logits, (maps.shape[-2], maps.shape[-1])).sigmoid()
    return (maps * mask.unsqueeze(2)).mean((3, 4)).flatten(0, 1)
