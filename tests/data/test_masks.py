from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.masks import check_size, read_mask, resize_mask
from pipeline.utils.errors import PipelineError
from tests.helpers.trees import square, write_image

TRUTH = square(16, 1, 6)


def _png(path: Path, rows: np.ndarray, depth: int, colour: int, extra: bytes = b"") -> None:
    """A PNG by the format's own rules: OpenCV writes neither 1-bit nor palette images."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = rows.shape
    packed = np.packbits(rows, axis=1) if depth == 1 else rows
    lines = b"".join(b"\0" + row.tobytes() for row in packed.astype(np.uint8))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = (
        chunk(b"IHDR", head)
        + extra_chunk(chunk, extra)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def extra_chunk(chunk, palette: bytes) -> bytes:  # type: ignore[no-untyped-def]
    return chunk(b"PLTE", palette) if palette else b""


@pytest.mark.parametrize("value", [1, 255, 128])
def test_grey_of_two_values(tmp_path: Path, value: int) -> None:
    write_image(tmp_path / "m.png", TRUTH * value)
    mask = read_mask(tmp_path / "m.png")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, TRUTH)


def test_one_bit(tmp_path: Path) -> None:
    _png(tmp_path / "m.png", TRUTH, depth=1, colour=0)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), TRUTH)


@pytest.mark.parametrize("colour", [(1, 1, 1), (128, 0, 0), (0, 0, 255), (255, 255, 255)])
@pytest.mark.parametrize("depth", [1, 8])
def test_palette(tmp_path: Path, depth: int, colour: tuple[int, int, int]) -> None:
    _png(tmp_path / "m.png", TRUTH, depth, 3, bytes((0, 0, 0, *colour)))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), TRUTH)


@pytest.mark.parametrize("palette", [(0, 0, 0, 0, 0, 0), (255, 255, 255, 200, 0, 0)])
@pytest.mark.parametrize("depth", [1, 8])
def test_a_palette_counts_by_index(tmp_path: Path, depth: int, palette: tuple[int, ...]) -> None:
    _png(tmp_path / "m.png", TRUTH, depth, 3, bytes(palette))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), TRUTH)


def test_three_indices_are_refused_whatever_their_colours(tmp_path: Path) -> None:
    _png(tmp_path / "m.png", TRUTH + square(16, 1, 3), 8, 3, bytes((0, 0, 0, 90, 0, 0, 0, 90, 0)))
    with pytest.raises(PipelineError, match="this one holds 3: 0, 1, 2"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("mask", [TRUTH, 1 - TRUTH, np.zeros_like(TRUTH)])
def test_a_palette_whose_colours_and_indices_are_opposites_is_refused(
    tmp_path: Path, mask: np.ndarray
) -> None:
    _png(tmp_path / "m.png", mask, 8, 3, bytes((255, 255, 255, 0, 0, 0)))
    with pytest.raises(PipelineError, match=r"m\.png: index 0 of its palette is not black and the rest is"):
        read_mask(tmp_path / "m.png")


def test_a_palette_mask_cut_short_is_named(tmp_path: Path) -> None:
    _png(tmp_path / "m.png", np.random.default_rng(0).integers(0, 2, (64, 64)), 8, 3, bytes(3) + b"\1\1\1")
    content = (tmp_path / "m.png").read_bytes()
    for kept in range(0, len(content) - 20, 7):  # what is lost reaches into the pixels
        (tmp_path / "m.png").write_bytes(content[:kept])
        with pytest.raises(PipelineError, match=r"m\.png"):
            read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 200), (1, 1, 1), (255, 255, 255, 255)])
def test_rgb_and_rgba(tmp_path: Path, colour: tuple[int, ...]) -> None:
    image = TRUTH[..., None] * np.array(colour, np.uint8)
    write_image(tmp_path / "m.png", image)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), TRUTH)


def test_sixteen_bits(tmp_path: Path) -> None:
    write_image(tmp_path / "m.png", TRUTH.astype(np.uint16) * 65_535)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), TRUTH)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_masks_of_one_value(tmp_path: Path, value: int) -> None:
    write_image(tmp_path / "m.png", np.full((8, 8), value, np.uint8))
    assert np.unique(read_mask(tmp_path / "m.png")).tolist() == [min(value, 1)]


def test_grey_edges_are_refused_with_their_values(tmp_path: Path) -> None:
    smooth = cv2.GaussianBlur(TRUTH * 255, (3, 3), 0)
    write_image(tmp_path / "soft.png", smooth)
    with pytest.raises(PipelineError, match=r"soft\.png: .*holds \d+: 0, \d+, .*without smoothing"):
        read_mask(tmp_path / "soft.png")


def test_two_values_without_background_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "m.png", TRUTH + 1)
    with pytest.raises(PipelineError, match="this one holds 2: 1, 2"):
        read_mask(tmp_path / "m.png")


def test_shape_in_the_transparency_is_refused(tmp_path: Path) -> None:
    image = np.zeros((16, 16, 4), np.uint8)
    image[..., 3] = TRUTH * 255
    write_image(tmp_path / "m.png", image)
    with pytest.raises(PipelineError, match="in its transparency"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>"])
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(PipelineError, match=r"m\.png: is not an image"):
        read_mask(tmp_path / "m.png")
    with pytest.raises(PipelineError, match=r"none\.png: no such file"):
        read_mask(tmp_path / "none.png")


def test_an_image_too_large_to_read_is_named(tmp_path: Path) -> None:
    """40,000 x 40,000 pixels, of which OpenCV reads the head and says no."""
    head = struct.pack(">2I5B", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(40_001))), (b"IEND", b""))
    content = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(PipelineError, match=r"m\.png: cannot be read as an image .*make it smaller"):
        read_mask(tmp_path / "m.png")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_mask_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("mask") / "m.png"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"m\.png"):
        read_mask(path)


def test_resizing_stays_binary_and_in_place(tmp_path: Path) -> None:
    write_image(tmp_path / "m.png", square(224, 255, 112))
    mask = resize_mask(read_mask(tmp_path / "m.png"), 96)
    np.testing.assert_array_equal(mask, square(96, 1, 48))
    np.testing.assert_array_equal(resize_mask(mask, 96), mask)


def test_resizing_takes_the_pixel_under_each_centre() -> None:
    mask = np.random.default_rng(0).integers(0, 2, (120, 160), np.uint8)
    rows, columns = (
        ((np.arange(96) + 0.5) * 120 / 96).astype(int),
        ((np.arange(96) + 0.5) * 160 / 96).astype(int),
    )
    np.testing.assert_array_equal(resize_mask(mask, 96), mask[np.ix_(rows, columns)])


def test_sizes_that_fit_a_frame() -> None:
    mask = np.zeros((120, 160), np.uint8)
    check_size(Path("m.png"), mask, (120, 160), (224, 96))
    for side in (224, 96):
        check_size(Path("m.png"), np.zeros((side, side), np.uint8), (120, 160), (224, 96))
    with pytest.raises(
        PipelineError, match=r"m\.png: the mask is 160 x 120, its frame 320 x 240; .*96 x 96 or 224"
    ):
        check_size(Path("m.png"), mask, (240, 320), (224, 96))
