"""What a clip should show under another sound: by hand on pictures of 4 x 4 pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.dataset.copy_paste import ClipPixels, Pasted, copy_paste
from pipeline.ops.ignore_index import IGNORE_INDEX

YES, NO = torch.tensor([True]), torch.tensor([False])
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def clip(colour: int, box: Box, shape: Box | None = None) -> ClipPixels:
    """One clip of one colour and two frames; in the first its mask fills `shape` (all of the box unless
    told), of the second nothing is known.
    """
    truth = torch.full((1, 2, 4, 4), IGNORE_INDEX, dtype=torch.uint8)
    truth[0, 0] = block(shape or box)
    return ClipPixels(
        torch.full((1, 2, 4, 4, 3), colour, dtype=torch.uint8),
        truth,
        torch.tensor(box).div(4).expand(1, 2, 4),
        torch.ones(1, 2, dtype=torch.bool),
    )


def block(box: Box) -> Tensor:
    left, top, right, bottom = box
    filled = torch.zeros(4, 4, dtype=torch.uint8)
    filled[top:bottom, left:right] = 1
    return filled


def known(truth: Tensor) -> Tensor:
    return (truth != IGNORE_INDEX).to(torch.uint8)


OWN, DONOR = (0, 0, 2, 2), (2, 2, 4, 4)


def test_silence_shows_nothing_anywhere() -> None:
    own = clip(1, OWN)
    heard = copy_paste(own, clip(2, DONOR), offscreen=NO, pasted=NO)
    assert not heard.truth.any() and not heard.laid.any()
    assert torch.equal(heard.frames, own.frames)


def test_an_offscreen_sound_shows_nothing_in_the_own_box() -> None:
    heard = copy_paste(clip(1, OWN), clip(2, DONOR), offscreen=YES, pasted=NO)
    assert torch.equal(known(heard.truth), block(OWN).expand(1, 2, 4, 4)) and not (heard.truth == 1).any()
    assert (heard.frames == 1).all()


def test_a_pasted_object_shows_under_its_sound() -> None:
    heard = copy_paste(clip(1, OWN), clip(2, DONOR), offscreen=YES, pasted=YES)
    laid = (heard.frames == 2).all(-1)
    assert torch.equal(laid, heard.laid)
    assert torch.equal(laid[0, 0], block(DONOR).bool()) and torch.equal(laid[0, 1], laid[0, 0])
    assert torch.equal(heard.truth[0, 0] == 1, block(DONOR).bool())
    assert torch.equal(known(heard.truth)[0, 0], block(OWN) | block(DONOR))
    # of the donor's second frame no mask is known: there its box says nothing
    assert torch.equal(known(heard.truth)[0, 1], block(OWN)) and not (heard.truth[0, 1] == 1).any()


def test_a_known_shape_is_cut_out_of_its_box() -> None:
    heard = copy_paste(clip(1, OWN), clip(2, DONOR, (3, 2, 4, 4)), offscreen=YES, pasted=YES)
    assert torch.equal(heard.laid[0, 0], block((3, 2, 4, 4)).bool())
    assert torch.equal(heard.truth[0, 0] == 1, heard.laid[0, 0])
    assert (heard.truth[0, 0][block(DONOR).bool() & ~heard.laid[0, 0]] == 0).all()  # beside it, in its box


def test_an_unknown_edge_is_not_pasted() -> None:
    donor = clip(2, DONOR)
    donor.truth[0, 0, 2, 2] = IGNORE_INDEX
    heard = copy_paste(clip(1, OWN), donor, offscreen=YES, pasted=YES)
    assert not heard.laid[0, 0, 2, 2] and heard.truth[0, 0, 2, 2] == 0
    assert heard.laid[0, 0].sum() == 3


def test_an_unknown_edge_of_the_own_object_stays_unknown() -> None:
    own = clip(1, OWN)
    own.truth[0, 0, 0, 1] = IGNORE_INDEX
    for pasted in (NO, YES):
        truth = copy_paste(own, clip(2, DONOR), offscreen=YES, pasted=pasted).truth
        assert truth[0, 0, 0].tolist() == [0, IGNORE_INDEX, IGNORE_INDEX, IGNORE_INDEX]
        assert (truth[0, 1, :2, :2] == 0).all()  # a frame without an outline: its whole box
    assert not copy_paste(own, clip(2, DONOR), offscreen=NO, pasted=NO).truth.any()  # silence has no edges


def test_what_is_pasted_over_the_own_object_is_not_silent() -> None:
    own, over = clip(1, (0, 0, 4, 3)), (3, 2, 4, 4)  # hides 1 of the 12 pixels: less than a tenth
    heard = copy_paste(own, clip(2, over), offscreen=YES, pasted=YES)
    assert torch.equal(heard.truth[0, 0] == 1, block(over).bool())


def unchanged(heard: Pasted, own: ClipPixels) -> bool:
    return torch.equal(heard.frames, own.frames) and not heard.laid.any() and not (heard.truth == 1).any()


def test_an_object_that_would_hide_the_own_one_is_left_out() -> None:
    own = clip(1, (0, 0, 4, 2))
    assert unchanged(copy_paste(own, clip(2, (0, 0, 2, 2)), offscreen=YES, pasted=YES), own)


def test_a_donor_without_a_box_brings_nothing() -> None:
    own = clip(1, OWN)
    donor = clip(2, DONOR)._replace(present=torch.zeros(1, 2, dtype=torch.bool))
    assert unchanged(copy_paste(own, donor, offscreen=YES, pasted=YES), own)
