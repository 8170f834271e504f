"""Which of the boxed things in view is heard: what a sound gate should say, and how far it is from it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.ops.ignore_index import IGNORE_INDEX


def own_gate_targets(inside: Tensor, laid: Tensor) -> Tensor:
    """Under a clip's own sound: what its box holds is heard, what was pasted is not; of the rest nothing is
    known, since a box is drawn round one thing.

    Args:
        inside: (n, T, H, W) bool, the clips' boxes, filled.
        laid: (n, T, H, W) bool, the pixels of other clips' objects that were pasted over the clips.

    Returns:
        (n, T, H, W) uint8: 1, 0 or `pipeline.ops.ignore_index.IGNORE_INDEX`.
    """
    truth = torch.full_like(inside, IGNORE_INDEX, dtype=torch.uint8)
    truth[inside] = 1
    truth[laid] = 0
    return truth


def other_gate_targets(inside: Tensor, laid: Tensor, offscreen: Tensor) -> Tensor:
    """Under another sound: what the clip's box holds is not heard, what was pasted with the sound is; under
    silence and noise nothing in the whole frame is.

    Args:
        inside, laid: as of `own_gate_targets`.
        offscreen: (n,) bool: the sound is another clip's, else silence or noise.
    """
    truth = torch.full_like(inside, IGNORE_INDEX, dtype=torch.uint8)
    truth[inside] = 0
    truth[~offscreen] = 0
    truth[laid] = 1
    return truth


def gate_bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over a frame's known pixels, then over the frames that have some.

    A gate says yes or no to whole things: a small box weighs as much as a large one, and as silence does.

    Args:
        logits: (n, T, H, W).
        truth: (n, T, H, W), 0, 1 or `pipeline.ops.ignore_index.IGNORE_INDEX`.

    Returns:
        A scalar; 0 where nothing is known.
    """
    known = truth != IGNORE_INDEX
    target = (truth == 1).to(logits.dtype)
    pixels = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * known
    count = known.sum((2, 3))
    return (pixels.sum((2, 3)) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)
