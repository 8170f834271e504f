"""The crops that stand in for missing ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pipeline.dataset.missing_crops import fill_missing_crops


def test_by_hand() -> None:
    present = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
    clips, frames = fill_missing_crops(present)
    assert clips.tolist() == [[0] * 4, [1] * 4, [3] * 4, [3] * 4, [0] * 4]
    assert frames.tolist() == [[0, 1, 2, 3], [1, 1, 1, 3], [3] * 4, [3] * 4, [0, 1, 2, 3]]


def test_where_there_is_none_every_frame_keeps_its_own() -> None:
    clips, frames = fill_missing_crops(np.zeros((2, 3), bool))
    assert clips.tolist() == [[0] * 3, [1] * 3]
    assert frames.tolist() == [[0, 1, 2]] * 2


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 5))).filter(np.any))
def test_a_crop_is_its_own_and_a_missing_one_is_replaced_by_one_that_exists(present: NDArray) -> None:
    clips, frames = fill_missing_crops(present)
    own_clips, own_frames = np.indices(present.shape)
    assert present[clips, frames].all()
    assert (clips[present] == own_clips[present]).all()
    assert (frames[present] == own_frames[present]).all()
    assert (clips == own_clips)[present.any(axis=1)].all()  # a clip with crops stays with its own
