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


OWN, SOURCE = (0, 0, 2, 2), (2, 2, 4, 4)


def test_silence_shows_nothing_anywhere() -> None:
    own = clip(1, OWN)
    heard = copy_paste(own, clip(2, SOURCE), offscreen=NO, paste=NO)
    assert not heard.targets.any() and not heard.mask.any()
    assert torch.equal(heard.frames, own.frames)


def test_an_offscreen_sound_shows_nothing_in_the_own_box() -> None:
    heard = copy_paste(clip(1, OWN), clip(2, SOURCE), offscreen=YES, paste=NO)
    assert torch.equal(known(heard.targets), block(OWN).expand(1, 2, 4, 4)) and not (heard.targets == 1).any()
    assert (heard.frames == 1).all()


def test_a_pasted_object_shows_under_its_sound() -> None:
    heard = copy_paste(clip(1, OWN), clip(2, SOURCE), offscreen=YES, paste=YES)
    laid = (heard.frames == 2).all(-1)
    assert torch.equal(laid, heard.mask)
    assert torch.equal(laid[0, 0], block(SOURCE).bool()) and torch.equal(laid[0, 1], laid[0, 0])
    assert torch.equal(heard.targets[0, 0] == 1, block(SOURCE).bool())
    assert torch.equal(known(heard.targets)[0, 0], block(OWN) | block(SOURCE))
    # of the source's second frame no mask is known: there its box says nothing
    assert torch.equal(known(heard.targets)[0, 1], block(OWN)) and not (heard.targets[0, 1] == 1).any()


def test_a_known_shape_is_cut_out_of_its_box() -> None:
    heard = copy_paste(clip(1, OWN), clip(2, SOURCE, (3, 2, 4, 4)), offscreen=YES, paste=YES)
    assert torch.equal(heard.mask[0, 0], block((3, 2, 4, 4)).bool())
    assert torch.equal(heard.targets[0, 0] == 1, heard.mask[0, 0])
    assert (heard.targets[0, 0][block(SOURCE).bool() & ~heard.mask[0, 0]] == 0).all()  # beside it, in its box


def test_an_unknown_edge_is_not_pasted() -> None:
    source = clip(2, SOURCE)
    source.truth[0, 0, 2, 2] = IGNORE_INDEX
    heard = copy_paste(clip(1, OWN), source, offscreen=YES, paste=YES)
    assert not heard.mask[0, 0, 2, 2] and heard.targets[0, 0, 2, 2] == 0
    assert heard.mask[0, 0].sum() == 3


def test_an_unknown_edge_of_the_own_object_stays_unknown() -> None:
    own = clip(1, OWN)
    own.truth[0, 0, 0, 1] = IGNORE_INDEX
    for pasted in (NO, YES):
        truth = copy_paste(own, clip(2, SOURCE), offscreen=YES, paste=pasted).targets
        assert truth[0, 0, 0].tolist() == [0, IGNORE_INDEX, IGNORE_INDEX, IGNORE_INDEX]
        assert (truth[0, 1, :2, :2] == 0).all()  # a frame without an outline: its whole box
    assert not copy_paste(own, clip(2, SOURCE), offscreen=NO, paste=NO).targets.any()  # silence has no edges


def test_what_is_pasted_over_the_own_object_is_not_silent() -> None:
    own, over = clip(1, (0, 0, 4, 3)), (3, 2, 4, 4)  # hides 1 of the 12 pixels: less than a tenth
    heard = copy_paste(own, clip(2, over), offscreen=YES, paste=YES)
    assert torch.equal(heard.targets[0, 0] == 1, block(over).bool())


def unchanged(heard: Pasted, own: ClipPixels) -> bool:
    return torch.equal(heard.frames, own.frames) and not heard.mask.any() and not (heard.targets == 1).any()


def test_an_object_that_would_hide_the_own_one_is_left_out() -> None:
    own = clip(1, (0, 0, 4, 2))
    assert unchanged(copy_paste(own, clip(2, (0, 0, 2, 2)), offscreen=YES, paste=YES), own)


def test_a_source_without_a_box_brings_nothing() -> None:
    own = clip(1, OWN)
    source = clip(2, SOURCE)._replace(has_box=torch.zeros(1, 2, dtype=torch.bool))
    assert unchanged(copy_paste(own, source, offscreen=YES, paste=YES), own)
