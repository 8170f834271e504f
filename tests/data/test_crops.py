from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.catalog import to_frame
from pipeline.data.clip import Clip
from pipeline.data.crops import PixelBox, build_crops, crop, largest_boxes
from pipeline.data.images import write_jpeg
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL


def _clip(name: str, split: str = "train") -> Clip:
    return Clip(name, "race_car", split, 0, f"{name}.mp4", None, None, [None] * 5, None, None, None)


def _boxes(*rows: tuple[str, int, int, int, int, int], size: tuple[int, int] = (80, 60)) -> pd.DataFrame:
    columns = ["name", "frame", *PixelBox._fields]
    return pd.DataFrame([(*row, *size) for row in rows], columns=columns)


def _box(xmin: int, ymin: int, xmax: int, ymax: int, width: int = 80, height: int = 60) -> PixelBox:
    return PixelBox(xmin, ymin, xmax, ymax, width, height)


def _picture(box: PixelBox, height: int = 60, width: int = 80) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[box.ymin - 1 : box.ymax, box.xmin - 1 : box.xmax] = (200, 100, 50)
    return image


def test_box_is_cut_to_the_pixel() -> None:
    box = _box(11, 6, 42, 37)  # 32 x 32, first and last pixel inside
    found = crop(_picture(box), box, 32, 0)
    assert found.shape == (32, 32, 3)
    assert (found == (200, 100, 50)).all()


def test_padding_is_a_fraction_of_the_box_on_each_side() -> None:
    box = _box(21, 11, 40, 50, 80, 80)  # 20 wide, 40 high
    found = crop(
        _picture(box, 80, 80), box, 224, 0.5
    )  # 40 x 80: columns 10 to 50, rows from the top edge to 70
    bright = found[..., 0] > 100
    assert bright.mean(axis=1).max() == pytest.approx(0.5, abs=0.01)  # 20 of 40 columns
    assert bright.mean(axis=0).max() == pytest.approx(40 / 70, abs=0.01)  # 10 rows were clipped above


def test_a_box_drawn_on_another_size_is_stretched_with_the_image() -> None:
    # columns 11 to 42 and rows 6 to 37 of 80 x 60 are, on 224 x 224, edges 28 and 117.6, 18.67 and 138.13
    picture = _picture(_box(11, 6, 42, 37))
    found = crop(picture, _box(29, 20, 117, 138, 224, 224), 32, 0)
    np.testing.assert_array_equal(found, crop(picture, _box(11, 6, 42, 37), 32, 0))
    # twice as wide, three times as high: edges 20, 84 of 160 and 15, 111 of 180 are 10, 42 and 5, 37
    np.testing.assert_array_equal(crop(picture, _box(21, 16, 84, 111, 160, 180), 32, 0), found)
    # padding of a half: 16 and 16 pixels here, 32 and 48 there
    there, here = _box(21, 16, 84, 111, 160, 180), _box(11, 6, 42, 37)
    np.testing.assert_array_equal(crop(picture, there, 32, 0.5), crop(picture, here, 32, 0.5))


def test_a_thin_box_of_a_large_image_keeps_a_pixel() -> None:
    picture = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8)
    found = crop(picture, _box(800, 1, 800, 1, 800, 600), 32, 0)
    assert (found == picture[0, 79]).all()


def test_box_over_the_edge_is_clipped() -> None:
    image = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8)
    np.testing.assert_array_equal(
        crop(image, _box(-30, -30, 500, 500), 80, 0), crop(image, _box(1, 1, 80, 60), 80, 0)
    )


@pytest.mark.parametrize("box", [(81, 1, 90, 10), (1, 61, 5, 70), (-9, 1, 0, 10), (20, 5, 10, 9)])
def test_box_without_image_is_an_error(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(PipelineError, match="empty or outside its image of 80 x 60"):
        crop(_picture(_box(1, 1, 2, 2)), _box(*box), 32, 0)


@given(st.integers(1, 80), st.integers(1, 60), st.integers(0, 100), st.integers(0, 100), st.floats(0, 1))
def test_any_box_that_begins_inside_gives_a_crop(
    x: int, y: int, wide: int, high: int, padding: float
) -> None:
    box = _box(x, y, x + wide, y + high)
    found = crop(_picture(box), box, 32, padding)
    assert found.shape == (32, 32, 3)
    assert found.max() > 0  # at least some of the object


def test_largest_box_of_a_frame_is_taken() -> None:
    boxes = _boxes(("a", 1, 1, 1, 10, 10), ("a", 1, 1, 1, 20, 6), ("a", 2, 5, 5, 6, 6), ("a", 1, 2, 2, 21, 7))
    assert largest_boxes(boxes) == {("a", 1): _box(1, 1, 20, 6), ("a", 2): _box(5, 5, 6, 6)}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Frames of clips a and b with a bright box at columns 11 to 42, rows 6 to 37."""
    for name in "ab":
        for k in range(1, 6):
            path = tmp_path / "images" / f"train/race_car/{name}/{name}_{k}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_jpeg(path, _picture(_box(11, 6, 42, 37)), 95)
    return tmp_path / "images"


def test_what_is_packed(images: Path, tmp_path: Path) -> None:
    catalog = to_frame([_clip("t", "test"), _clip("b"), _clip("a")])
    boxes = _boxes(("b", 2, 11, 6, 42, 37), ("b", 5, 11, 6, 42, 37), ("a", 1, 1, 1, 8, 5))
    build_crops(catalog, boxes, images, tmp_path / "out", size=32, padding=0, workers=SERIAL)
    crops, present = np.load(tmp_path / "out" / "crops.npy"), np.load(tmp_path / "out" / "present.npy")
    assert (crops.shape, crops.dtype) == ((2, 5, 32, 32, 3), np.uint8)
    assert present.dtype == np.bool_
    assert present.tolist() == [[True, False, False, False, False], [False, True, False, False, True]]
    np.testing.assert_allclose(crops[1, 1].mean(axis=(0, 1)), (200, 100, 50), atol=6)
    assert crops[0, 0].max() < 20  # next to the object
    assert not crops[~present].any()
    edges = np.load(tmp_path / "out" / "boxes.npy")
    assert edges.shape == (2, 5, 4) and not edges[1, 0].any()
    np.testing.assert_allclose(edges[0, 0], [0, 0, 8 / 80, 5 / 60], rtol=1e-6)
    np.testing.assert_allclose(edges[1, 1], [10 / 80, 5 / 60, 42 / 80, 37 / 60], rtol=1e-6)


def test_no_boxes_at_all(images: Path, tmp_path: Path) -> None:
    build_crops(
        to_frame([_clip("a")]), _boxes(), images, tmp_path / "out", size=32, padding=0, workers=SERIAL
    )
    assert not np.load(tmp_path / "out" / "present.npy").any()


def test_boxes_of_no_train_frame_are_named(images: Path, tmp_path: Path) -> None:
    catalog = to_frame([_clip("a"), _clip("t", "test")])
    for stray in (("t", 1), ("x", 2), ("a", 6)):
        with pytest.raises(PipelineError, match=f"belong to no train clip: {stray[0]} frame {stray[1]}"):
            build_crops(
                catalog,
                _boxes((*stray, 1, 1, 5, 5)),
                images,
                tmp_path / "out",
                size=32,
                padding=0,
                workers=SERIAL,
            )


def test_what_cannot_be_cut_is_named(images: Path, tmp_path: Path) -> None:
    boxes = _boxes(("a", 1, 200, 1, 210, 5), ("c", 1, 1, 1, 5, 5))
    with pytest.raises(PipelineError) as error:
        build_crops(
            to_frame([_clip("a"), _clip("c")]),
            boxes,
            images,
            tmp_path / "out",
            size=32,
            padding=0,
            workers=SERIAL,
        )
    assert "a frame 1: box (200, 1, 210, 5) is empty or outside its image of 80 x 60" in str(error.value)
    assert "c_1.jpg: no such file" in str(error.value)
