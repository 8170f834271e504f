from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.clip import Clip
from pipeline.data.images import frame_path, read_rgb, resize_image
from pipeline.utils.errors import PipelineError
from tests.helpers.trees import bars, write_image


def test_a_clip_without_category_has_no_folder_of_one() -> None:
    clip = Clip("-a", "dog", "train", 0, None, None, None, [None] * 5, None, None, None)
    assert frame_path(clip, 2).as_posix() == "train/dog/-a/-a_2.jpg"
    assert frame_path(clip._replace(category=""), 5).as_posix() == "train/-a/-a_5.jpg"


def test_colours_keep_their_order(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", np.full((8, 8, 3), (0, 0, 200), np.uint8))  # OpenCV's blue, green, red
    assert read_rgb(tmp_path / "x.png")[0, 0].tolist() == [200, 0, 0]
    write_image(tmp_path / "x.png", np.full((8, 8, 4), (50, 0, 200, 9), np.uint8))
    assert read_rgb(tmp_path / "x.png")[0, 0].tolist() == [200, 0, 50]
    write_image(tmp_path / "x.png", np.full((8, 8), 7, np.uint8))
    assert read_rgb(tmp_path / "x.png").tolist() == np.full((8, 8, 3), 7).tolist()


def test_more_than_eight_bits_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", np.full((8, 8), 7, np.uint16))
    with pytest.raises(PipelineError, match=r"x\.png: is a uint16 image"):
        read_rgb(tmp_path / "x.png")


def test_resize_is_the_mean_over_areas() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    expected = image.reshape(32, 2, 32, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize_image(image, 32), expected, atol=0.51)
    assert resize_image(bars(9, 16, 16), 32).shape == (32, 32, 3)
