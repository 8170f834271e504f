"""Audio-sensitivity metrics: G-mIoU, false-positive area, sensitivity and the swap test.

They compare masks under the true audio with masks under another. G-mIoU, false-positive area and the null
score follow the work on negative audio in audio-visual segmentation. The swap test gives the model the sound
of the silent visible object and asks whether the mask moves to that object. `swapped_miou` of metrics/*.json
is something else: plain M_J under another category's sound.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not imported: the report reads names and formulas here and needs no torch
    from torch import Tensor

# audio conditions under which a model that listens segments nothing
NEGATIVE_CONDITIONS = ("silence", "white", "pink", "other_category")


def g_miou(positive: float, negative: float) -> float:
    """G-mIoU = 2 m+ (1 - m-) / (m+ + 1 - m-), the harmonic mean of m+ and 1 - m-.

    Args:
        positive: M_J under the true audio, 0 to 1.
        negative: M_J against the same truth under negative audio, 0 to 1.

    Returns:
        0 to 1; 0 where both parts are 0.
    """
    total = positive + 1 - negative
    return 2 * positive * (1 - negative) / total if total > 0 else 0.0


def null_score(area: float) -> float:
    """S = sqrt(false-positive area), 0 for a model that segments nothing under negative audio."""
    return math.sqrt(area)


def false_positive_area(masks: Tensor) -> Tensor:
    """Share of pixels that a mask covers: (n, H, W) bool -> (n,) float32."""
    return masks.float().mean(dim=(-2, -1))


def mask_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of two masks, 1 where both are empty: (n, H, W) bool each -> (n,) float32."""
    intersection = (a & b).sum(dim=(-2, -1)).float()
    union = (a | b).sum(dim=(-2, -1)).float()
    return (intersection / union.clamp(min=1)).masked_fill(union == 0, 1)


def sensitivity(true: Tensor, other: Tensor) -> Tensor:
    """Audio sensitivity: 1 - IoU of the masks under the true and another audio: (n, H, W) bool -> (n,)."""
    return 1 - mask_iou(true, other)


def swap_passed(
    own_sound: Tensor, other_sound: Tensor, own_object: Tensor, other_object: Tensor
) -> tuple[Tensor, Tensor]:
    """Swap test: whether the mask follows the sound from one visible object to the other.

    Passed: under a clip's own sound the mask fits the sounding object better than the silent one, and under
    the silent one's sound it is the other way round. A model that ignores audio cannot pass, whichever object
    it segments. To score clips and not frames, give the frames of a clip as one tall mask (n, T H, W).

    Args:
        own_sound: (n, H, W) bool, masks under the clip's own sound.
        other_sound: (n, H, W) bool, masks under the silent object's sound.
        own_object: (n, H, W) bool, the true mask of the sounding object.
        other_object: (n, H, W) bool, the true mask of the silent object.

    Returns:
        (n,) bool passed, and (n,) float32 IoU of `other_sound` with `other_object`.
    """
    stays = mask_iou(own_sound, own_object) > mask_iou(own_sound, other_object)
    moved_to = mask_iou(other_sound, other_object)
    moves = moved_to > mask_iou(other_sound, own_object)
    return stays & moves, moved_to
