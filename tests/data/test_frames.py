from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.data.catalog import build_catalog, clips_of
from pipeline.data.frames import build_frames
from pipeline.data.images import frame_path, read_rgb
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL, Workers
from tests.helpers.trees import (
    Row,
    add_s4_frames,
    add_s4_masks,
    add_s4_video,
    bars,
    number_of,
    s4_data,
    square,
    write_image,
    write_s4_table,
)

TRAIN: Row = ("-a", 0, "cat_meowing", "train")
SHORT: Row = ("short", 6, "race_car", "train")
VAL: Row = ("b", 0, "race_car", "val")
TEST: Row = ("c", 6, "cat_meowing", "test")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two clips are videos (one of 4 s), two distributed frames (one with 4); masks are of several sizes."""
    write_s4_table(tmp_path, [TRAIN, SHORT, VAL, TEST])
    add_s4_video(tmp_path, TRAIN)
    add_s4_video(tmp_path, SHORT, frames=100)
    add_s4_frames(tmp_path, VAL)
    add_s4_frames(tmp_path, TEST, count=4)
    add_s4_masks(
        tmp_path, TRAIN, np.kron([[1, 0], [0, 0]], np.ones((32, 48))).astype(np.uint8)
    )  # the frame's size
    add_s4_masks(tmp_path, SHORT)  # 224 x 224
    add_s4_masks(tmp_path, VAL, square(224, 1))
    add_s4_masks(tmp_path, TEST, square(64, 255))  # of the packed size
    write_image(s4_data(tmp_path, "silent_masks", TEST) / "c" / "c_2.png", square(224, 255))
    return tmp_path


def _build(tree: Path, **options: object) -> Path:
    out = tree / "out" / "frames"
    build_frames(build_catalog("s4", tree), out, image_size=64, workers=SERIAL, **options)  # type: ignore[arg-type]
    return out


def test_what_is_packed(tree: Path) -> None:
    out = _build(tree)
    frames = np.load(out / "frames.npy", mmap_mode="r")
    assert (frames.shape, frames.dtype) == ((4, 5, 64, 64, 3), np.uint8)
    numbers = [[number_of(image) for image in clip] for clip in frames]
    assert numbers == [[23, 48, 73, 98, 123], [23, 48, 73, 98, 99], [1, 2, 3, 4, 5], [1, 2, 3, 4, 4]]
    masks = np.load(out / "masks.npy")
    assert (masks.shape, masks.dtype) == ((4, 5, 64, 64), np.uint8)
    for row, k in [(0, 0), (1, 0), (2, 4), (3, 2)]:
        np.testing.assert_array_equal(masks[row, k], square(64, 1))
    labelled = np.load(out / "labelled.npy")
    assert labelled.dtype == np.bool_
    assert labelled.tolist() == [[True] + [False] * 4] * 2 + [[True] * 5] * 2
    assert not masks[~labelled].any()
    silent = np.load(out / "silent_masks.npy")
    np.testing.assert_array_equal(silent[3, 1], square(64, 1))
    assert silent.any(axis=(2, 3)).sum() == 1


def test_images_for_annotators(tree: Path) -> None:
    out = _build(tree)
    clips = clips_of(build_catalog("s4", tree))
    image = read_rgb(out / "images" / "train" / "cat_meowing" / "-a" / "-a_2.jpg")
    assert image.shape == (64, 96, 3)  # native size
    assert number_of(image) == 48
    files = {path.relative_to(out / "images") for path in (out / "images").rglob("*.jpg")}
    assert files == {frame_path(clip, k) for clip in clips for k in range(1, 6)}
    assert not any(b"Exif" in (out / "images" / file).read_bytes() for file in files)


def test_repeated_frames_are_noted(tree: Path) -> None:
    notes = json.loads((_build(tree) / "notes.json").read_text())
    assert set(notes) == {"short", "c"}
    assert "last frame is repeated" in notes["short"]


def test_mask_of_another_size_names_file_and_sizes(tree: Path) -> None:
    add_s4_masks(tree, TRAIN, square(100))
    with pytest.raises(PipelineError, match=r"-a_1\.png: the mask is 100 x 100, its frame 96 x 64"):
        _build(tree)
    assert not (tree / "out" / "frames").exists()


def test_all_that_fails_is_named_and_the_old_folder_stays(tree: Path) -> None:
    catalog = build_catalog("s4", tree)
    out = _build(tree)
    before = (out / "frames.npy").read_bytes()
    (s4_data(tree, "raw_videos", TRAIN) / "-a.mp4").write_bytes(b"")
    write_image(s4_data(tree, "gt_masks", VAL) / "b" / "b_3.png", np.arange(49, dtype=np.uint8).reshape(7, 7))
    with pytest.raises(PipelineError, match=r"2 of 4 failed(.|\n)*-a\.mp4(.|\n)*b_3\.png"):
        build_frames(catalog, out, image_size=64, workers=Workers(2))
    assert (out / "frames.npy").read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["frames"]


def test_processes_give_the_same_bytes(tree: Path) -> None:
    one = _build(tree)
    two = tree / "two"
    build_frames(build_catalog("s4", tree), two, image_size=64, workers=Workers(2))
    for path in one.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (two / path.relative_to(one)).read_bytes(), path


def test_frames_of_different_sizes_are_refused(tree: Path) -> None:
    path = s4_data(tree, "visual_frames", VAL) / "b" / "b_3.png"
    assert cv2.imwrite(str(path), bars(3, 96, 64))
    with pytest.raises(PipelineError, match=r"b_3\.png: differs in size"):
        _build(tree)
