"""Copy-paste augmentation (Ghiasi et al., CVPR 2021) with sound.

A box says where an object is, so it can be cut out of its own frame and pasted into another clip's. Two
objects are then in view, and the audio decides which of them belongs in the mask.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.ops.boxes import boxes_to_masks
from pipeline.ops.ignore_index import IGNORE_INDEX

MAX_HIDDEN = 0.1  # of the target's own box: an object that hides more of it in some frame is not pasted


class ClipPixels(NamedTuple):
    """The pixels of n clips.

    Attributes:
        frames: (n, T, H, W, 3) uint8.
        truth: (n, T, H, W) uint8: the mask if there is one, else the pseudo-mask, else `IGNORE_INDEX`.
        boxes: (n, T, 4), as in `pipeline.dataset.clips.BoxBatch`.
        has_box: (n, T) bool.
    """

    frames: Tensor
    truth: Tensor
    boxes: Tensor
    has_box: Tensor


class Pasted(NamedTuple):
    """n clips under negative audio.

    Attributes:
        frames: (n, T, H, W, 3) uint8, with what was pasted.
        mask: (n, T, H, W) bool: the pasted pixels, which the clips' own masks have lost.
        targets: (n, T, H, W) uint8: what the negative audio should show, or `IGNORE_INDEX`.
    """

    frames: Tensor
    mask: Tensor
    targets: Tensor


def copy_paste(target: ClipPixels, source: ClipPixels, offscreen: Tensor, paste: Tensor) -> Pasted:
    """Paste the sources' objects over the targets where they stood in their own frames.

    Silence and noise show nothing in the whole frame. Another clip's audio shows nothing inside the target's
    own box; anything else in view might make that sound. The undecided edge of a pseudo-mask stays undecided:
    it is ignored under the clip's own audio too, and edges trained only to be empty would be empty always.
    Inside the pasted object's box the audio shows what was pasted. A frame without a mask or pseudo-mask
    gives its whole box, in which nothing is known.

    Args:
        target: the clips.
        source: the clips whose audio is heard; not looked at for silence and noise.
        offscreen: (n,) bool: the audio is the source's; False for silence and noise.
        paste: (n,) bool: the source's object is to be pasted, unless it would hide the target's own.
    """
    height, width = target.truth.shape[-2:]
    inside = (boxes_to_masks(target.boxes, height, width) > 0) & target.has_box[..., None, None]
    region = (boxes_to_masks(source.boxes, height, width) > 0) & source.has_box[..., None, None]
    has_outline = (source.truth == 1).any((2, 3))[..., None, None]  # else only the box is known
    object_ = region & ((source.truth == 1) | ~has_outline)
    hidden = (inside & object_).sum((2, 3)) / inside.sum((2, 3)).clamp(min=1)
    here = (offscreen & paste & (hidden <= MAX_HIDDEN).all(1))[:, None, None, None]
    mask = object_ & here
    targets = torch.full_like(target.truth, IGNORE_INDEX)
    from_source = offscreen[:, None, None, None]
    targets[(region & here) | inside | ~from_source] = 0
    outlined = (target.truth == 1).any((2, 3))[..., None, None]
    targets[(target.truth == IGNORE_INDEX) & outlined & from_source] = IGNORE_INDEX
    targets[mask] = torch.where(has_outline, 1, IGNORE_INDEX).to(targets.dtype).expand_as(targets)[mask]
    return Pasted(torch.where(mask[..., None], source.frames, target.frames), mask, targets)
