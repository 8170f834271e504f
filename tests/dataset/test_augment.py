from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipeline.config.params import Augment
from pipeline.dataset.augment import _grid, _warp, _warp_boxes, _warp_masks, augment
from pipeline.dataset.clips import Batch, BoxBatch, NegativeBatch
from pipeline.ops.ignore_index import IGNORE_INDEX


@pytest.fixture
def batch() -> Batch:
    """Two clips of 2 frames, 8 x 8 pixels: a bright 2 x 4 block, which the mask and the box mark."""
    frames = torch.zeros(2, 2, 8, 8, 3, dtype=torch.uint8)
    frames[:, :, 2:4, 2:6] = 200
    masks = (frames[..., 0] > 0).to(torch.uint8)
    boxes = torch.tensor([2 / 8, 2 / 8, 6 / 8, 4 / 8]).expand(2, 2, 4)
    ones = torch.ones(2, 2, dtype=torch.bool)
    box_batch = BoxBatch(ones, boxes, torch.tensor([0, 1]))
    return Batch(frames, masks, ones, torch.tensor([3, 7]), boxes=box_batch)


def test_off_means_untouched(batch: Batch) -> None:
    assert augment(batch, Augment(), seed=1, epoch=1) is batch


def test_a_mirror_alone_by_hand(batch: Batch) -> None:
    frames = batch.frames.float().movedim(-1, 2).flatten(1, 2)
    ones, none = torch.ones(2), torch.zeros(2, 2)
    grid = _grid(frames.shape[-2:], -ones, ones, none)
    assert torch.allclose(_warp(frames, grid), frames.flip(-1), atol=1e-3)
    assert torch.equal(_warp_masks(batch.masks, grid), batch.masks.flip(-1))
    assert _warp_boxes(batch.boxes.boxes, -ones, ones, none)[0, 0].tolist() == pytest.approx(
        [0.25, 0.25, 0.75, 0.5]
    )


def test_a_shift_by_one_pixel_by_hand(batch: Batch) -> None:
    """A shift of 2 / 8 is one pixel of eight: what stood at column 2 is seen at column 1."""
    ones, shift = torch.ones(2), torch.tensor([[0.25, 0.0]] * 2)
    grid = _grid(batch.masks.shape[-2:], ones, ones, shift)
    assert torch.equal(_warp_masks(batch.masks, grid), batch.masks.roll(-1, -1))  # empty at the edges
    moved = _warp_boxes(batch.boxes.boxes, ones, ones, shift)
    assert moved[0, 0].tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8, 4 / 8])


@pytest.mark.parametrize("epoch", range(1, 6))
def test_the_box_follows_the_object(batch: Batch, epoch: int) -> None:
    """Whatever is drawn, the box's edges lie within a pixel of the mask's."""
    changed = augment(batch, Augment(flip=True, scale=0.2), seed=5, epoch=epoch)
    assert changed.boxes is not None
    for clip in range(2):
        rows, columns = changed.masks[clip, 0].nonzero(as_tuple=True)
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        expected = [float(edge) / 8 for edge in edges]
        assert changed.boxes.boxes[clip, 0].tolist() == pytest.approx(expected, abs=1.01 / 8)


def test_nothing_beyond_the_picture_is_shown() -> None:
    """A ramp from edge to edge stays one: up or down everywhere, at most as steep, and never turns."""
    ramp = torch.linspace(0, 248, 32).to(torch.uint8)
    frames = ramp.view(1, 1, 1, 32, 1).expand(64, 1, 32, 32, 3)
    batch = Batch(frames, torch.zeros(64, 1, 32, 32), torch.ones(64, 1, dtype=torch.bool), torch.arange(64))
    changed = augment(batch, Augment(flip=True, scale=0.5), seed=2, epoch=1).frames
    steps = changed[:, 0, 16, 1:-1, 0].diff(dim=1)  # half a pixel at an edge repeats it
    assert ((steps > 0).all(1) | (steps < 0).all(1)).all()
    zooms = 8 / steps[:, 4:-4].abs().mean(1)
    assert 1 <= zooms.min() < 1.1 and 1.4 < zooms.max() <= 1.51


def test_what_other_sounds_show_follows_the_first_clips(batch: Batch) -> None:
    """Unknown is what is not of the object in the first clip, and what is, in the outlines."""
    truth, outlines = batch.masks[:1] * 1 + (1 - batch.masks[:1]) * IGNORE_INDEX, batch.masks * IGNORE_INDEX
    assert batch.boxes is not None
    none = torch.zeros_like(truth)
    negatives = NegativeBatch(torch.zeros(1, 2, 128), torch.tensor([True]), none, targets=truth)
    heard = replace(batch, negatives=negatives, boxes=batch.boxes._replace(pseudo_masks=outlines))
    changed = augment(heard, Augment(flip=True, scale=0.5), seed=5, epoch=2)
    assert changed.negatives is not None and changed.negatives.targets is not None
    assert changed.boxes is not None and changed.boxes.pseudo_masks is not None
    targets, pseudo_masks = changed.negatives.targets, changed.boxes.pseudo_masks
    assert not torch.equal(changed.masks, batch.masks)
    assert torch.equal(targets == 1, changed.masks[:1] == 1)
    assert torch.equal(targets == IGNORE_INDEX, changed.masks[:1] == 0)
    assert torch.equal(pseudo_masks == IGNORE_INDEX, changed.masks == 1) and not (pseudo_masks == 1).any()


def test_pictures_with_something_pasted_change_as_those_without(batch: Batch) -> None:
    pasted = batch.frames[:1].clone()
    pasted[..., 6:, 6:, :] = 100
    laid = (pasted != batch.frames[:1]).any(-1).to(torch.uint8)
    settings = Augment(flip=True, scale=0.5, colour=0.3)
    negatives = NegativeBatch(torch.zeros(1, 2, 128), torch.tensor([True]), laid, frames=pasted)
    changed = augment(replace(batch, negatives=negatives), settings, seed=5, epoch=2)
    plain = augment(batch, settings, seed=5, epoch=2)
    assert changed.negatives is not None and changed.negatives.frames is not None
    changed_mask, changed_paste = changed.negatives.pasted_mask, changed.negatives.frames
    assert torch.equal(changed.frames, plain.frames)
    far = torch.nn.functional.max_pool2d(changed_mask.float(), 3, 1, 1) == 0  # a warped edge mixes both
    assert torch.allclose(changed_paste[far], plain.frames[:1][far], atol=1e-3)
    assert (
        changed_mask.sum() > 0
        and (changed_paste[changed_mask > 0] != plain.frames[:1][changed_mask > 0]).any()
    )


def test_frames_of_a_clip_change_alike_and_clips_apart(batch: Batch) -> None:
    changed = augment(batch, Augment(flip=True, scale=0.3, colour=0.3), seed=1, epoch=2)
    assert torch.equal(changed.frames[:, 0], changed.frames[:, 1])
    assert not torch.equal(changed.frames[0], changed.frames[1])
    assert changed.frames.min() >= 0 and changed.frames.max() <= 255


def test_the_clip_decides_not_its_place_in_the_batch(batch: Batch) -> None:
    settings = Augment(flip=True, scale=0.3, colour=0.3)
    both = augment(batch, settings, seed=1, epoch=2)
    alone = batch._map(lambda tensor: tensor[1:])
    assert torch.allclose(augment(alone, settings, seed=1, epoch=2).frames[0], both.frames[1], atol=1e-4)
    assert not torch.equal(augment(batch, settings, seed=1, epoch=3).frames, both.frames)
    assert not torch.equal(augment(batch, settings, seed=2, epoch=2).frames, both.frames)
