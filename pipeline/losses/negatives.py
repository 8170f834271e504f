"""Other sounds ask for an empty mask."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def negatives(logits: Tensor, box: Tensor, present: Tensor, offscreen: Tensor) -> Tensor:
    """Mean of -log(1 - p) over the pixels that must be empty under another sound.

    Under silence or noise that is the whole frame. Under the sound of another category's clip it is the box
    of the clip's own object: whatever else is in view might make that other sound. Pixels are averaged frame
    by frame, so that a small box weighs as much as a frame.

    Args:
        logits: (n, T, H, W), under the other sound.
        box: (n, T, H, W), 1 inside the box of the object that really sounds, 0 outside.
        present: (n, T) bool, whether the frame has a box.
        offscreen: (n,) bool, whether the other sound is of another category's clip.

    Returns:
        A scalar; 0 where nothing is known to be empty.
    """
    everywhere = ~offscreen[:, None, None, None]
    inside = (box > 0) & present[:, :, None, None]
    pixels = (everywhere | inside).to(logits.dtype)
    area = pixels.sum((2, 3))
    frames = (functional.softplus(logits) * pixels).sum((2, 3)) / area.clamp(min=1)
    return frames.sum() / (area > 0).sum().clamp(min=1)
