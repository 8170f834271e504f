from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.utils.errors import PipelineError
from pipeline.utils.packed_arrays import new_array, open_packed, write_row
from tests.helpers.small_disk import files_of_at_most


@given(
    dtype=st.sampled_from([np.uint8, np.bool_, np.float32, np.int64]),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    data=st.data(),
)
def test_rows_are_written_each_to_its_place(
    tmp_path_factory: pytest.TempPathFactory, dtype: type, shape: tuple[int, ...], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("packed") / "a.npy"
    expected = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    new_array(path, dtype, shape)
    rows = data.draw(st.permutations(range(shape[0])))
    kept = rows[: len(rows) // 2 + 1]
    for row in kept:
        write_row(path, row, expected[row])
    expected[[row for row in range(shape[0]) if row not in kept]] = 0
    assert open_packed(path).dtype == dtype
    assert np.array_equal(open_packed(path), expected)


def test_rows_need_not_lie_in_one_piece_nor_be_of_the_files_dtype(tmp_path: Path) -> None:
    new_array(tmp_path / "a.npy", np.float32, (2, 3, 2))
    turned = np.arange(6).reshape(2, 3).T
    write_row(tmp_path / "a.npy", 1, turned)
    assert np.array_equal(open_packed(tmp_path / "a.npy")[1], turned)
    assert not open_packed(tmp_path / "a.npy")[0].any()


def test_a_disk_that_takes_no_more_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    new_array(path, np.uint8, (3, 1000))
    with (
        files_of_at_most(1500),
        pytest.raises(PipelineError, match=r"a\.npy: row 2 cannot be written \(File"),
    ):
        write_row(path, 2, np.ones(1000, np.uint8))


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(PipelineError, match=r"a\.npy: is not a NumPy array"):
        open_packed(tmp_path / "a.npy")
    with pytest.raises(PipelineError, match=r"b\.npy: no such file; run `dvc repro`"):
        open_packed(tmp_path / "b.npy")
