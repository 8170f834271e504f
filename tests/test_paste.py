"""What a clip should show under another sound: by hand on pictures of 4 x 4 pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.paste import Heard, Seen, paste

YES, NO = torch.tensor([True]), torch.tensor([False])


def clip(colour: int, box: tuple[int, int, int, int], frames: int = 2) -> Seen:
    """One clip of one colour; box in pixels: left, top, right, bottom; its mask fills the box."""
    left, top, right, bottom = box
    masks = torch.zeros(1, frames, 4, 4, dtype=torch.uint8)
    masks[:, :, top:bottom, left:right] = 1
    labelled = torch.zeros(1, frames, dtype=torch.bool)
    labelled[:, 0] = True
    return Seen(
        torch.full((1, frames, 4, 4, 3), colour, dtype=torch.uint8),
        masks,
        labelled,
        torch.tensor(box).div(4).expand(1, frames, 4),
        torch.ones(1, frames, dtype=torch.bool),
    )


def block(box: tuple[int, int, int, int]) -> Tensor:
    return clip(0, box).masks[0, 0]


OWN, DONOR = (0, 0, 2, 2), (2, 2, 4, 4)


def test_silence_shows_nothing_anywhere() -> None:
    own = clip(1, OWN)
    heard = paste(own, clip(2, DONOR), offscreen=NO, pasted=NO)
    assert heard.other_known.all() and not heard.other_masks.any()
    assert torch.equal(heard.frames, own.frames) and torch.equal(heard.masks, own.masks)


def test_an_offscreen_sound_shows_nothing_in_the_own_box() -> None:
    heard = paste(clip(1, OWN), clip(2, DONOR), offscreen=YES, pasted=NO)
    assert torch.equal(heard.other_known, block(OWN).expand(1, 2, 4, 4)) and not heard.other_masks.any()
    assert (heard.frames == 1).all()


def test_a_pasted_object_shows_under_its_sound() -> None:
    heard = paste(clip(1, OWN), clip(2, DONOR), offscreen=YES, pasted=YES)
    laid = (heard.frames == 2).all(-1)
    assert torch.equal(laid[0, 0], block(DONOR).bool()) and torch.equal(laid[0, 1], laid[0, 0])
    assert torch.equal(heard.other_masks[0, 0], block(DONOR))
    assert torch.equal(heard.other_known[0, 0], block(OWN) | block(DONOR))
    # the donor has no mask in the second frame: there its box says nothing
    assert torch.equal(heard.other_known[0, 1], block(OWN)) and not heard.other_masks[0, 1].any()
    assert torch.equal(heard.masks, clip(1, OWN).masks)


def test_what_is_pasted_over_a_mask_is_cut_from_it() -> None:
    own, over = clip(1, (0, 0, 4, 3)), (3, 2, 4, 4)  # hides 1 of the 12 pixels: less than a tenth
    heard = paste(own, clip(2, over), offscreen=YES, pasted=YES)
    assert torch.equal(heard.masks[0, 0], own.masks[0, 0] & ~block(over) & 1)
    assert heard.other_masks[0, 0].sum() == 2


def unchanged(heard: Heard, own: Seen) -> bool:
    return torch.equal(heard.frames, own.frames) and not heard.other_masks.any()


def test_an_object_that_would_hide_the_own_one_is_left_out() -> None:
    own = clip(1, (0, 0, 4, 2))
    assert unchanged(paste(own, clip(2, (0, 0, 2, 2)), offscreen=YES, pasted=YES), own)


def test_a_donor_without_a_box_brings_nothing() -> None:
    own = clip(1, OWN)
    donor = clip(2, DONOR)._replace(present=torch.zeros(1, 2, dtype=torch.bool))
    assert unchanged(paste(own, donor, offscreen=YES, pasted=YES), own)
