"""Overlays: which pixel gets which colour, and the files that the report reads."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.evaluation.overlay import (
    FALSE_ALARM,
    GAP,
    HIT,
    MISS,
    overlay,
    paint_mask,
    read_picture,
    strip,
    write_picture,
    write_strips,
)
from pipeline.utils.errors import PipelineError
from tests.helpers.small_disk import files_of_at_most

FRAME = np.full((12, 16, 3), 100, np.uint8)


def test_each_area_has_its_colour() -> None:
    truth, predicted = np.zeros((12, 16), bool), np.zeros((12, 16), bool)
    truth[:, 4:12] = True
    predicted[:, 8:16] = True
    painted = overlay(FRAME, predicted, truth)
    grey = round(40 + 0.72 * 100)
    assert painted.dtype == np.uint8 and painted.shape == FRAME.shape
    assert (painted[:, :4] == grey).all()
    for column, colour in ((6, MISS), (10, HIT), (14, FALSE_ALARM)):
        inner = np.rint(0.38 * (40 + 0.72 * 100) + 0.62 * np.array(colour))
        assert (painted[6, column] == inner).all()
    assert (painted[6, 4] == MISS).all()  # outlines are solid
    assert (painted[6, 8] == HIT).all()


def test_colours_differ_in_lightness() -> None:
    """In print, and to an eye that sees no colours."""
    pixels = np.array([[HIT, MISS, FALSE_ALARM]], np.float32) / 255
    lightness = sorted(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0, :, 0])
    assert np.diff(lightness).min() > 10  # of 100


def test_nothing_predicted_and_nothing_true_is_the_grey_frame() -> None:
    empty = np.zeros((12, 16), bool)
    painted = overlay(FRAME, empty, empty)
    assert (painted == painted[0, 0, 0]).all()


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        overlay(FRAME, np.zeros((12, 15), bool), np.zeros((12, 16), bool))


def test_inputs_are_left_as_they_are() -> None:
    frame, truth = FRAME.copy(), np.eye(12, 16, dtype=bool)
    overlay(frame, truth, truth)
    paint_mask(frame, truth)
    assert (frame == 100).all()


def test_strip_sizes() -> None:
    row = strip([FRAME] * 5)
    assert row.shape == (12, 5 * 16 + 4 * GAP, 3)
    assert (row[:, 16 : 16 + GAP] == 255).all()


def test_strips_are_written_in_the_right_colours(tmp_path: Path) -> None:
    frames = np.zeros((5, 12, 16, 3), np.uint8)
    frames[..., 0] = 200  # red
    masks = np.zeros((5, 12, 16), bool)
    masks[:, 3:9, 3:9] = True
    write_strips(tmp_path, "-x", frames, masks, masks, {"silence": ~masks})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["-x.image.png", "-x.predicted.png", "-x.silence.png", "-x.truth.png"]
    assert (read_picture(tmp_path / "-x.silence.png")[3, 3] == MISS).all()
    assert (read_picture(tmp_path / "-x.image.png")[6, 6] == (200, 0, 0)).all()
    assert (read_picture(tmp_path / "-x.truth.png")[0, 0] == (56, 0, 0)).all()
    assert (read_picture(tmp_path / "-x.predicted.png")[3, 3] == HIT).all()


def test_a_picture_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no")
    with pytest.raises(PipelineError, match=r"x\.png"):
        read_picture(tmp_path / "x.png")


def test_written_pictures_come_back(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (6, 7, 3), dtype=np.uint8)
    write_picture(tmp_path / "a.png", image)
    assert (read_picture(tmp_path / "a.png") == image).all()


def test_a_picture_that_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    write_picture(target, np.zeros((4, 4, 3), np.uint8))
    before = target.read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    with files_of_at_most(1000), pytest.raises(OSError, match="too large"):
        write_picture(target, noise)
    assert target.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["a.png"]
