"""What clips should show under another sound, and the other clip's object in the picture, to be told apart.

A box says where an object is, so it can be cut out of its own frame and laid into another clip's: then two
objects are in view, and whose sound is heard decides which of them belongs in the mask.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.ops.boxes import boxes_to_masks
from pipeline.ops.ignore_index import IGNORE_INDEX

MOST_HIDDEN = 0.1  # of a clip's own box: an object that hides more of it in some frame is not pasted


class ClipPixels(NamedTuple):
    """n clips: frames (n, T, H, W, 3) uint8; truth (n, T, H, W) uint8, their masks where these are drawn,
    else outlines if there are any, else `IGNORE_INDEX`; boxes and present as in `pipeline.dataset.clips.Batch`.
    """

    frames: Tensor
    truth: Tensor
    boxes: Tensor
    present: Tensor


class Pasted(NamedTuple):
    """n clips under another sound.

    Attributes:
        frames: (n, T, H, W, 3) uint8, with what was pasted.
        laid: (n, T, H, W) bool: the pixels that were pasted, which the clips' own masks have lost.
        truth: (n, T, H, W) uint8: what the other sound should show, or `IGNORE_INDEX`.
    """

    frames: Tensor
    laid: Tensor
    truth: Tensor


def copy_paste(own: ClipPixels, donor: ClipPixels, offscreen: Tensor, pasted: Tensor) -> Pasted:
    """Lay the donors' objects over the clips where they stood in their own frames, and say what the donors'
    sounds should show.

    Silence and noise show nothing in the whole frame. Another clip's sound shows nothing inside the box of
    the clip's own object; whatever else is in view might make it. Along the edge of an outline nothing is
    asked: under the own sound nothing is either, and asked under the other one alone, edges would go empty
    under every sound. Inside the pasted object's box the sound shows what was pasted. A frame of which no
    mask or outline is known gives its whole box, and that may show anything.

    Args:
        offscreen: (n,) bool: the other sound is the donor's; else it is silence or noise, and the donor is
            not looked at.
        pasted: (n,) bool: its object is to be pasted, unless it would hide the clip's own.
    """
    height, width = own.truth.shape[-2:]
    inside = (boxes_to_masks(own.boxes, height, width) > 0) & own.present[..., None, None]
    region = (boxes_to_masks(donor.boxes, height, width) > 0) & donor.present[..., None, None]
    cut_out = (donor.truth == 1).any((2, 3))[..., None, None]  # else the box is all that is known
    object_ = region & ((donor.truth == 1) | ~cut_out)
    hidden = (inside & object_).sum((2, 3)) / inside.sum((2, 3)).clamp(min=1)
    here = (offscreen & pasted & (hidden <= MOST_HIDDEN).all(1))[:, None, None, None]
    laid = object_ & here
    truth = torch.full_like(own.truth, IGNORE_INDEX)
    heard = offscreen[:, None, None, None]
    truth[(region & here) | inside | ~heard] = 0
    outlined = (own.truth == 1).any((2, 3))[..., None, None]
    truth[(own.truth == IGNORE_INDEX) & outlined & heard] = IGNORE_INDEX
    truth[laid] = torch.where(cut_out, 1, IGNORE_INDEX).to(truth.dtype).expand_as(truth)[laid]
    return Pasted(torch.where(laid[..., None], donor.frames, own.frames), laid, truth)
