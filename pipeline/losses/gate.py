"""The loss of the sound gate: which of the boxed objects in view is heard."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.losses.inputs import LossInputs
from pipeline.ops.ignore_index import IGNORE_INDEX


def own_gate_targets(inside: Tensor, pasted: Tensor) -> Tensor:
    """Targets under a clip's own audio: its box is heard, a pasted object is not, the rest is unknown.

    The rest is unknown because a box is drawn around one object only.

    Args:
        inside: (n, T, H, W) bool, the clips' filled boxes.
        pasted: (n, T, H, W) bool, pixels of other clips' objects pasted over the clips.

    Returns:
        (n, T, H, W) uint8: 1, 0 or `IGNORE_INDEX`.
    """
    targets = torch.full_like(inside, IGNORE_INDEX, dtype=torch.uint8)
    targets[inside] = 1
    targets[pasted] = 0
    return targets


def negative_gate_targets(inside: Tensor, pasted: Tensor, offscreen: Tensor) -> Tensor:
    """Targets under negative audio: the clip's box is not heard, the object pasted with the audio is.

    Under silence and noise nothing in the whole frame is heard.

    Args:
        inside: (n, T, H, W) bool, as for `own_gate_targets`.
        pasted: (n, T, H, W) bool, as for `own_gate_targets`.
        offscreen: (n,) bool: the audio is another clip's; False for silence and noise.

    Returns:
        (n, T, H, W) uint8: 1, 0 or `IGNORE_INDEX`.
    """
    targets = torch.full_like(inside, IGNORE_INDEX, dtype=torch.uint8)
    targets[inside] = 0
    targets[~offscreen] = 0
    targets[pasted] = 1
    return targets


def gate_bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy: the mean over a frame's known pixels, then over the frames that have some.

    A gate says yes or no to whole objects: a small box weighs as much as a large one.

    Args:
        logits: (n, T, H, W).
        targets: (n, T, H, W), 0, 1 or `IGNORE_INDEX`.

    Returns:
        A scalar; 0 where nothing is known.
    """
    known = targets != IGNORE_INDEX
    target = (targets == 1).to(logits.dtype)
    pixels = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * known
    count = known.sum((2, 3))
    return (pixels.sum((2, 3)) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


def compute(inputs: LossInputs) -> Tensor:
    """The term of one step: a scalar."""
    assert inputs.gate is not None
    return gate_bce(*inputs.gate)
