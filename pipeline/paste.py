"""What clips should show under another sound, and the other clip's object in the picture, to be told apart.

A box says where an object is, so it can be cut out of its own frame and laid into another clip's: then two
objects are in view, and whose sound is heard decides which of them belongs in the mask.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.losses import fill

MOST_HIDDEN = 0.1  # of a clip's own box: an object that hides more of it in some frame is not pasted


class Seen(NamedTuple):
    """Frames, masks and boxes of n clips, as in `pipeline.batches.Batch`."""

    frames: Tensor
    masks: Tensor
    labelled: Tensor
    boxes: Tensor
    present: Tensor


class Heard(NamedTuple):
    """n clips under another sound.

    Attributes:
        frames: (n, T, H, W, 3) uint8, with what was pasted.
        masks: (n, T, H, W) uint8: the clips' own masks, less what was pasted over them.
        other_masks: (n, T, H, W) uint8: what the other sound should show...
        other_known: (n, T, H, W) uint8: ...at the pixels where that is known, 1; elsewhere 0.
    """

    frames: Tensor
    masks: Tensor
    other_masks: Tensor
    other_known: Tensor


def paste(own: Seen, donor: Seen, offscreen: Tensor, pasted: Tensor) -> Heard:
    """Lay the donors' boxed objects over the clips where they stood in their own frames, and say what the
    donors' sounds should show.

    Silence and noise show nothing in the whole frame. Another clip's sound shows nothing inside the box of
    the clip's own object; whatever else is in view might make it. Inside the pasted box it shows the
    donor's mask, in the frames that have one.

    Args:
        offscreen: (n,) bool: the other sound is the donor's; else it is silence or noise, and the donor is
            not looked at.
        pasted: (n,) bool: its object is to be pasted, unless it would hide the clip's own.
    """
    height, width = own.masks.shape[-2:]
    inside = (fill(own.boxes, height, width) > 0) & own.present[..., None, None]
    region = (fill(donor.boxes, height, width) > 0) & donor.present[..., None, None]
    hidden = (inside & region).sum((2, 3)) / inside.sum((2, 3)).clamp(min=1)
    here = offscreen & pasted & (hidden <= MOST_HIDDEN).all(1)
    region &= here[:, None, None, None]
    shown = region & donor.labelled[..., None, None]
    return Heard(
        frames=torch.where(region[..., None], donor.frames, own.frames),
        masks=own.masks.masked_fill(region, 0),
        other_masks=donor.masks.masked_fill(~shown, 0),
        other_known=(~offscreen[:, None, None, None] | (inside & ~region) | shown).to(torch.uint8),
    )
