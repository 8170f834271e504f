from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.dataset.clips import ClipDataset, normalise
from pipeline.dataset.loader import epoch_batches, prefetch
from pipeline.dataset.negative_sampler import NegativeSampler
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.utils.errors import PipelineError

N, TRAIN = 6, 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six clips whose every pixel is the clip's number; crops of the first four."""
    number = np.arange(N, dtype=np.uint8)
    np.save(tmp_path / "frames.npy", np.broadcast_to(number[:, None, None, None, None], (N, 5, 2, 2, 3)))
    np.save(tmp_path / "masks.npy", np.zeros((N, 5, 2, 2), np.uint8))
    np.save(tmp_path / "labelled.npy", np.ones((N, 5), bool))
    np.save(
        tmp_path / "crops.npy", np.broadcast_to(number[:TRAIN, None, None, None, None], (TRAIN, 5, 2, 2, 3))
    )
    np.save(tmp_path / "present.npy", np.ones((TRAIN, 5), bool))
    np.save(tmp_path / "boxes.npy", np.zeros((TRAIN, 5, 4), np.float32))
    return tmp_path


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_normalise_by_hand() -> None:
    pictures = torch.tensor([[[[0, 255, 51]]]], dtype=torch.uint8)  # (1, 1, 1, 3)
    result = normalise(pictures)
    assert result.shape == (1, 3, 1, 1)
    expected = [(0 - 0.485) / 0.229, (1 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    assert result.flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_loading_reads_the_same_rows_of_everything(folder: Path) -> None:
    audio = np.arange(N, dtype=np.float32)[:, None, None].repeat(5, 1).repeat(128, 2)
    batch = ClipDataset(folder, audio, folder, np.arange(10, 10 + N)).load(np.array([3, 1]))
    assert batch.audio is not None and batch.boxes is not None and batch.boxes.crops is not None
    for tensor in (batch.frames, batch.audio, batch.boxes.crops):
        assert tensor.flatten(1).unique(dim=1).flatten().tolist() == [3, 1]
    assert batch.boxes.category.tolist() == [13, 11]
    assert batch.has_mask.dtype == torch.bool


def test_a_frame_without_a_box_shows_another_crop_whatever_the_batch(folder: Path) -> None:
    """Black ones would move the statistics of the encoder's batch norm; no loss looks at it."""
    present = np.ones((TRAIN, 5), bool)
    present[1, 2:], present[2] = False, False  # clip 2 has none: clip 3 stands in
    np.save(folder / "present.npy", present)
    crops = np.load(folder / "crops.npy")
    crops[~present] = 0
    np.save(folder / "crops.npy", crops)
    clips = ClipDataset(folder, boxes=folder, category=np.arange(N))
    for rows in ([2, 1], [1], [0, 2, 3]):
        batch = clips.load(np.array(rows))
        assert batch.boxes is not None and batch.boxes.crops is not None
        for row, shown, there in zip(rows, batch.boxes.crops, batch.boxes.has_box, strict=True):
            assert shown.unique().tolist() == [3 if row == 2 else row]
            assert there.tolist() == present[row].tolist()


def test_a_batch_on_a_device_keeps_its_row_numbers_in_the_host(folder: Path) -> None:
    """They are read there in every step: asking a GPU for them would wait for all its work."""
    batch = ClipDataset(folder).load(np.array([3, 1])).to(torch.device("meta"))
    assert (batch.frames.device.type, batch.has_mask.device.type) == ("meta", "meta")
    assert batch.rows.tolist() == [3, 1]
    assert normalise(batch.frames).device.type == "meta"


def test_boxes_come_without_crops_where_nothing_looks_at_these(folder: Path) -> None:
    (folder / "crops.npy").unlink()
    batch = ClipDataset(folder, None, folder, np.arange(N), crops=False).load(np.array([3, 1]))
    assert batch.boxes is not None and batch.boxes.boxes.shape == (2, 5, 4)
    assert batch.boxes.crops is None and batch.boxes.has_box.all()


def test_clips_of_other_splits_come_without_crops(folder: Path) -> None:
    batch = ClipDataset(folder, None, folder, np.arange(N)).load(np.array([4, 5]))
    assert batch.frames[:, 0, 0, 0, 0].tolist() == [4, 5]
    assert batch.boxes is None


def test_other_sounds_and_what_they_bring(folder: Path) -> None:
    """Every second pixel column is a clip's box; the donor's comes into the picture."""
    boxes = np.zeros((TRAIN, 5, 4), np.float32)
    boxes[:2] = [0, 0, 0.5, 1]
    boxes[2:] = [0.5, 0, 1, 1]
    np.save(folder / "boxes.npy", boxes)
    audio = np.arange(N, dtype=np.float32)[:, None, None].repeat(5, 1).repeat(128, 2)
    bank, train = -np.ones((1, 5, 128), np.float32), np.arange(TRAIN)
    negatives = NegativeSampler(audio, bank, list("aabbab"), train, share=0.5, copy_paste=1.0, seed=0)
    clips = ClipDataset(folder, audio, folder, np.arange(N), negatives)
    seen = set()
    for epoch in range(20):
        batch = clips.load(np.array([0, 1, 3]), epoch)
        assert batch.negatives is not None and batch.negatives.targets is not None
        assert batch.negatives.audio.shape == (2, 5, 128)
        assert batch.negatives.targets.shape == (2, 5, 2, 2)
        heard = int(batch.negatives.audio[0, 0, 0])
        right = batch.frames[0, 0, 0, 1, 0]
        assert right == (0 if heard < 0 else heard) and batch.frames[0, 0, 0, 0, 0] == 0
        assert batch.audio is not None and batch.audio[0, 0, 0] == 0
        assert (batch.frames[2] == 3).all()  # beyond the share of clips that hear another sound
        seen.add(heard)
    assert seen == {-1, 2, 3}
    assert clips.load(np.array([0, 1])).negatives is None  # evaluation


def test_pasted_objects_may_come_in_pictures_of_their_own(folder: Path) -> None:
    """The frames and masks stay as they are, and what was pasted stands beside them."""
    boxes = np.zeros((TRAIN, 5, 4), np.float32)
    boxes[:2] = [0, 0, 0.5, 1]
    boxes[2:] = [0.5, 0, 1, 1]
    np.save(folder / "boxes.npy", boxes)
    audio, bank = np.zeros((N, 5, 128), np.float32), np.ones((1, 5, 128), np.float32)
    train = np.arange(TRAIN)
    negatives = NegativeSampler(audio, bank, list("aabbab"), train, share=0.5, copy_paste=1.0, seed=0)
    clips = ClipDataset(folder, audio, folder, np.arange(N), negatives, paste_separately=True)
    plain, seen = clips.load(np.array([0, 1, 3])), set()
    for epoch in range(20):
        batch = clips.load(np.array([0, 1, 3]), epoch)
        assert torch.equal(batch.frames, plain.frames) and torch.equal(batch.masks, plain.masks)
        negative = batch.negatives
        assert negative is not None and negative.targets is None and negative.frames is not None
        assert len(negative.frames) == 2
        source, heard = int(negative.frames[0, 0, 0, 1, 0]), bool(negative.offscreen[0])
        pasted = bool(negative.pasted_mask[0].any())
        assert (source in (2, 3)) == heard == pasted == bool(negative.audio[0, 0, 0] == 0)
        assert negative.pasted_mask[0, 0].tolist() == [[0, heard], [0, heard]]
        seen.add(heard)
    assert seen == {True, False}


def test_outlines_stand_in_for_masks_that_nobody_drew(folder: Path) -> None:
    """The right column is clip 1's object; it comes into clip 0's picture, whose outlines lose it."""
    labelled = np.zeros((N, 5), bool)
    labelled[:, 0] = True
    outlines, boxes = np.zeros((TRAIN, 5, 2, 2), np.uint8), np.zeros((TRAIN, 5, 4), np.float32)
    outlines[0, :, :, 0] = outlines[1, :, :, 1] = 1
    outlines[0, 4] = IGNORE_INDEX
    boxes[0], boxes[1] = [0, 0, 0.5, 1], [0.5, 0, 1, 1]
    np.save(folder / "labelled.npy", labelled)
    np.save(folder / "pseudo_masks.npy", outlines)
    np.save(folder / "masks.npy", np.ones((N, 5, 2, 2), np.uint8))
    np.save(folder / "boxes.npy", boxes)
    audio, bank = np.zeros((N, 5, 128), np.float32), np.zeros((1, 5, 128), np.float32)
    sounds = NegativeSampler(audio, bank, list("abaaaa"), np.arange(2), share=0.5, copy_paste=1.0, seed=0)
    clips = ClipDataset(folder, audio, folder, np.arange(N), sounds, folder)

    plain = clips.load(np.array([0, 1]))
    assert plain.boxes is not None and plain.boxes.pseudo_masks is not None
    assert (plain.boxes.pseudo_masks[:, 0] == IGNORE_INDEX).all()  # there a mask is drawn
    assert torch.equal(plain.boxes.pseudo_masks[:, 1:], torch.from_numpy(outlines[:2, 1:]))
    batch = next(b for epoch in range(20) if (b := clips.load(np.array([0, 1]), epoch)).frames[0].any())
    assert batch.boxes is not None and batch.boxes.pseudo_masks is not None
    assert batch.negatives is not None and batch.negatives.targets is not None
    left = batch.boxes.pseudo_masks
    assert (batch.frames[0, 1, :, 1] == 1).all() and (batch.frames[0, :, :, 0] == 0).all()
    assert left[0, 1].tolist() == [[1, 0], [1, 0]] and (left[0, 0] == IGNORE_INDEX).all()
    assert batch.masks[0, 0].tolist() == [[1, 0], [1, 0]]  # the drawn mask loses it as well
    assert left[0, 4].tolist() == [[IGNORE_INDEX, 0], [IGNORE_INDEX, 0]]
    assert batch.negatives.targets[0, 1].tolist() == [[0, 1], [0, 1]]
    assert clips.load(np.array([0, 5])).boxes is None  # a clip of another split has no box


def test_missing_and_broken_files_are_named(folder: Path) -> None:
    for broken in (b"no array", b""):
        (folder / "masks.npy").write_bytes(broken)
        with pytest.raises(PipelineError, match=r"masks\.npy"):
            ClipDataset(folder)
    (folder / "masks.npy").unlink()
    with pytest.raises(PipelineError, match=r"masks\.npy: no such file"):
        ClipDataset(folder)


def test_audio_of_another_number_of_clips(folder: Path) -> None:
    with pytest.raises(PipelineError, match=r"6 clips, the audio features 5"):
        ClipDataset(folder, np.zeros((5, 5, 128), np.float32))


@pytest.mark.parametrize("depth", [1, 2, 9])
def test_prefetching_keeps_the_order(folder: Path, depth: int) -> None:
    groups = [np.array(rows) for rows in ([5, 0], [3], [1, 2, 4])]
    batches = list(prefetch(ClipDataset(folder), groups, depth=depth))
    assert [b.frames[:, 0, 0, 0, 0].tolist() for b in batches] == [[5, 0], [3], [1, 2, 4]]
    assert list(prefetch(ClipDataset(folder), [])) == []
    assert not readers()


def test_an_error_of_the_thread_reaches_the_reader(folder: Path) -> None:
    batches = prefetch(ClipDataset(folder), [np.array([0]), np.array([99])])
    assert len(next(batches).frames) == 1
    with pytest.raises(IndexError):
        next(batches)
    assert not readers()


def test_stopping_early_ends_the_thread(folder: Path) -> None:
    batches = prefetch(ClipDataset(folder), [np.array([0])] * 50)
    next(batches)
    assert len(readers()) == 1
    batches.close()  # type: ignore[attr-defined]
    assert not readers()


def test_epoch_batches_cover_every_row_once_in_a_new_order_each_epoch() -> None:
    rows = np.arange(100, 111)
    groups = epoch_batches(rows, 4, seed=1, epoch=1)
    assert [len(g) for g in groups] == [4, 4, 3]
    order = np.concatenate(groups).tolist()
    assert sorted(order) == rows.tolist()
    assert order == np.concatenate(epoch_batches(rows, 4, seed=1, epoch=1)).tolist()
    assert order != np.concatenate(epoch_batches(rows, 4, seed=1, epoch=2)).tolist()
    assert order != np.concatenate(epoch_batches(rows, 4, seed=2, epoch=1)).tolist()


def test_two_processes_share_the_batches_of_one() -> None:
    rows = np.arange(9)
    whole = epoch_batches(rows, 4, seed=3, epoch=2)
    ranks = [epoch_batches(rows, 4, seed=3, epoch=2, rank=rank, world_size=2) for rank in (0, 1)]
    assert len(whole) == 3 and len(ranks[0]) == len(ranks[1]) == 2  # the last clip alone cannot be shared
    for group, first, second in zip(whole, *ranks, strict=False):
        assert np.stack([first, second], 1).flatten().tolist() == group.tolist()


@pytest.mark.parametrize(("clips", "batch"), [(2, 4), (9, 2)])
def test_more_processes_than_clips_in_a_batch_is_an_error(clips: int, batch: int) -> None:
    with pytest.raises(PipelineError, match=rf"{clips} train clips in batches of {batch} .* 3 processes"):
        epoch_batches(np.arange(clips), batch, seed=1, epoch=1, rank=0, world_size=3)
