from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.data.catalog import to_frame
from pipeline.data.clip import Clip
from pipeline.data.crops import PixelBox
from pipeline.data.pseudo_masks import build_pseudo_masks, grabcut_mask, iou_with_drawn, pixels
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.utils.files import read_json
from pipeline.utils.parallel import SERIAL, Workers

SIDE = 48
DISC = (np.hypot(*(np.mgrid[:SIDE, :SIDE] - 24)) < 12).astype(np.uint8)
BOX = np.array([12, 12, 37, 37], np.float32) / SIDE  # of the disc
NOTHING = np.full((SIDE, SIDE), IGNORE_INDEX, np.uint8)


def picture(seed: int = 0) -> np.ndarray:
    """A warm disc on a cool ground, both noisy."""
    colours = np.where(DISC[..., None] > 0, (200, 90, 40), (40, 80, 150))
    return np.clip(colours + np.random.default_rng(seed).normal(0, 12, (SIDE, SIDE, 3)), 0, 255).astype(
        np.uint8
    )


def test_a_disc_is_found_in_its_box() -> None:
    mask = grabcut_mask(picture(), [BOX])
    assert iou_with_drawn(mask, DISC) == 1.0
    # the edge is all that is unknown: a ring two pixels wide
    unknown = mask == IGNORE_INDEX
    assert 0 < unknown.sum() < 3 * 2 * np.pi * 12
    radius = np.hypot(*(np.mgrid[:SIDE, :SIDE] - 24))[unknown]
    assert radius.min() > 9 and radius.max() < 15


def test_the_same_picture_gives_the_same_mask() -> None:
    # a patchwork, the disc brighter: one whose clusters, and so its mask, depend on where they begin
    patches = np.random.default_rng(3).integers(0, 160, (12, 12, 3)).repeat(4, 0).repeat(4, 1)
    frame = (patches + 90 * DISC[..., None]).astype(np.uint8)
    found = []
    for seed in range(5):
        cv2.setRNGSeed(seed)  # whatever other code has left
        found.append(grabcut_mask(frame, [BOX]))
    assert all(np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.5, 0.5, 0.5, 0.5), (0, 0, 0, 0)])
def test_a_box_with_nothing_outside_or_inside_says_nothing(box: tuple[float, ...]) -> None:
    np.testing.assert_array_equal(grabcut_mask(picture(), [np.array(box, np.float32)]), NOTHING)


def test_a_lost_object_has_no_mask() -> None:
    """The box holds ground and a speck of another colour, far less than an object fills."""
    frame = np.full((SIDE, SIDE, 3), (40, 80, 150), np.uint8)
    frame[20:22, 20:22] = (200, 90, 40)
    np.testing.assert_array_equal(grabcut_mask(frame, [BOX]), NOTHING)


@settings(max_examples=40)
@given(
    arrays.arrays(np.uint8, (12, 16, 3)),
    st.tuples(*[st.floats(0, 1, width=32)] * 4),
)
def test_any_picture_and_box(frame: np.ndarray, edges: tuple[float, float, float, float]) -> None:
    (left, right), (top, bottom) = sorted(edges[:2]), sorted(edges[2:])
    mask = grabcut_mask(frame, [np.array([left, top, right, bottom], np.float32)])
    assert mask.shape == (12, 16) and mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 1, IGNORE_INDEX}
    inside = np.zeros((12, 16), bool)
    inside[
        int(np.floor(top * 12)) : int(np.ceil(bottom * 12)),
        int(np.floor(left * 16)) : int(np.ceil(right * 16)),
    ] = True
    assert not (mask == 1)[~inside].any()


@pytest.mark.parametrize("scale", [1, 2, 5])
@pytest.mark.parametrize("side", [48, 96, 224, 352, 1080])
def test_a_box_between_whole_pixels_covers_them_and_no_other(side: int, scale: int) -> None:
    """Every edge, drawn on an image `scale` times as large."""
    drawn = side * scale
    for edge in range(1, side):
        right = PixelBox(1, 1, edge * scale, edge * scale, drawn, drawn).normalised()
        left = PixelBox(edge * scale + 1, edge * scale + 1, drawn, drawn, drawn, drawn).normalised()
        assert pixels(right, side, side) == (slice(0, edge), slice(0, edge))
        assert pixels(left, side, side) == (slice(edge, side), slice(edge, side))


def test_a_box_that_cuts_pixels_covers_them_whole() -> None:
    box = PixelBox(22, 12, 39, 29, 240, 160).normalised()  # edges 21, 11, 39 and 29, twice the frame's
    assert pixels(box, 80, 120) == (slice(5, 15), slice(10, 20))


def test_iou_by_hand() -> None:
    mask = np.array([[1, 1, 0, IGNORE_INDEX]], np.uint8)
    assert iou_with_drawn(mask, np.array([[1, 0, 1, 1]], np.uint8)) == pytest.approx(1 / 3)
    assert iou_with_drawn(np.array([[0, IGNORE_INDEX]], np.uint8), np.array([[0, 1]], np.uint8)) == 1.0


def test_two_objects_of_one_frame() -> None:
    frame = np.concatenate([picture(1), picture(2)], axis=1)
    halves = [BOX * (0.5, 1, 0.5, 1) + (side / 2, 0, side / 2, 0) for side in (0, 1)]
    assert iou_with_drawn(grabcut_mask(frame, halves), np.concatenate([DISC, DISC], axis=1)) == 1.0
    assert grabcut_mask(frame, []).min() == IGNORE_INDEX


CLIPS = to_frame(
    [
        Clip(name, "race_car", split, 0, "v.mp4", None, None, [None] * 5, None, None, None)
        for name, split in (("a", "train"), ("b", "train"), ("c", "test"))
    ]
)


def boxes_of(*frames: tuple[str, int]) -> pd.DataFrame:
    """The disc's box, drawn on an image twice as large: edges 24 and 74 of 96."""
    columns = ["name", "frame", "xmin", "ymin", "xmax", "ymax", "width", "height"]
    return pd.DataFrame([(*frame, 25, 25, 74, 74, 96, 96) for frame in frames], columns=columns)


BOXES = boxes_of(*((name, k) for name in "ab" for k in range(1, 6) if (name, k) != ("a", 4)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two train clips and one of another split, whose first frames have a drawn mask."""
    frames = np.stack([np.stack([picture(5 * c + k) for k in range(5)]) for c in range(3)])
    labelled = np.zeros((3, 5), bool)
    labelled[:, 0] = True
    np.save(tmp_path / "frames.npy", frames)
    np.save(tmp_path / "masks.npy", np.broadcast_to(DISC, frames.shape[:4]))
    np.save(tmp_path / "labelled.npy", labelled)
    return tmp_path


def test_what_is_packed(data: Path, tmp_path: Path) -> None:
    quality = build_pseudo_masks(CLIPS, BOXES, data, tmp_path / "out", workers=SERIAL)
    packed = np.load(tmp_path / "out" / "pseudo_masks.npy")
    assert packed.shape == (2, 5, SIDE, SIDE) and packed.dtype == np.uint8
    np.testing.assert_array_equal(packed[0, 3], NOTHING)  # frame 4 of clip a has no box
    np.testing.assert_array_equal(packed[1, 2], grabcut_mask(picture(7), [BOX]))
    assert quality == {"frames": 9, "with_mask": 1.0, "miou": 1.0}
    assert read_json(tmp_path / "out" / "quality.json") == quality


def test_any_number_of_processes_gives_the_same(data: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        build_pseudo_masks(CLIPS, BOXES, data, tmp_path / str(jobs), workers=Workers(jobs))
    one, two = ((tmp_path / str(jobs) / "pseudo_masks.npy").read_bytes() for jobs in (1, 2))
    assert one == two


def test_no_box_at_all(data: Path, tmp_path: Path) -> None:
    quality = build_pseudo_masks(CLIPS, boxes_of(), data, tmp_path / "out", workers=SERIAL)
    assert quality == {"frames": 0, "with_mask": 0.0, "miou": None}
    assert (np.load(tmp_path / "out" / "pseudo_masks.npy") == IGNORE_INDEX).all()
