"""Masks -> proposed boxes, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.labels.frames import Shown
from pipeline.labels.places import Frame
from pipeline.labels.propose import expected_iou, propose, propose_one, read_probabilities, without_specks
from pipeline.labels.voc import Box

SHOWN = Shown(Frame("abc", 1), "dog_barking", "x.jpg", 160, 120)


def _map(value: float = 0.9) -> np.ndarray:
    probability = np.zeros((12, 16), np.float32)
    probability[3:9, 4:12] = value
    return probability


def test_a_mask_becomes_its_box_in_pixels_of_the_frame() -> None:
    proposed = propose_one(_map(), SHOWN)
    assert proposed.boxes == (Box("dog_barking", 41, 31, 120, 90),)
    assert proposed.score == pytest.approx(0.9, abs=1e-6)


def test_the_whole_image_and_a_single_pixel() -> None:
    assert propose_one(np.ones((3, 4), np.float32), SHOWN).boxes == (Box("dog_barking", 1, 1, 160, 120),)
    small = Shown(Frame("abc", 1), "dog_barking", "x.jpg", 2, 2)
    one = np.zeros((8, 8), np.float32)
    one[7, 7] = 1
    assert propose_one(one, small).boxes == (Box("dog_barking", 2, 2, 2, 2),)


def test_expected_iou_by_hand() -> None:
    probability = np.array([[0.8, 0.6], [0.4, 0.0]])
    assert expected_iou(probability, probability > 0.5) == pytest.approx(1.4 / 2.4)


def test_no_mask_gives_no_box_and_comes_first() -> None:
    proposed = propose_one(_map(0.5), SHOWN)
    assert (proposed.boxes, proposed.score) == ((), 0.0)


def test_specks_do_not_widen_the_box_but_second_parts_do() -> None:
    probability = _map()
    probability[0, 0] = 1
    assert propose_one(probability, SHOWN).boxes == (Box("dog_barking", 41, 31, 120, 90),)
    probability[0:3, 0:3] = 1
    assert propose_one(probability, SHOWN).boxes == (Box("dog_barking", 1, 1, 120, 90),)
    assert not without_specks(np.zeros((3, 3), bool)).any()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 300), st.integers(1, 300), st.randoms())
def test_every_box_lies_in_its_frame(h: int, w: int, width: int, height: int, random: object) -> None:
    probability = np.random.default_rng(random.randint(0, 99)).random((h, w)).astype(np.float32)  # type: ignore[attr-defined]
    proposed = propose_one(probability, Shown(Frame("abc", 1), "dog_barking", "x.jpg", width, height))
    assert 0 <= proposed.score <= 1
    for box in proposed.boxes:
        assert 1 <= box.xmin <= box.xmax <= width and 1 <= box.ymin <= box.ymax <= height


def test_the_version_tells_the_content() -> None:
    frames = [SHOWN, Shown(Frame("multi", 1), "", "y.jpg", 160, 120)]
    first = propose(np.stack([_map(), _map()]), frames, "m")
    assert list(first.frames) == ["abc_1"]  # without a category there is no class to propose
    assert first.model_version == propose(np.stack([_map(), _map(0.2)]), frames, "m").model_version
    assert first.model_version != propose(np.stack([_map(0.8), _map()]), frames, "m").model_version
    with pytest.raises(PipelineError, match="2 frames"):
        propose(np.zeros((3, 4, 4)), frames, "m")


@pytest.mark.parametrize("value", [np.nan, 1.5, -0.1])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(PipelineError, match="abc_1"):
        propose_one(_map(value), SHOWN)


def test_files_of_predictions(tmp_path: Path) -> None:
    known = {SHOWN.frame: SHOWN}
    path = tmp_path / "p.npz"
    np.savez(
        path, name=["abc", "other"], frame=[1, 2], probability=np.stack([_map(), _map()]).astype(np.float16)
    )
    maps, frames = read_probabilities(path, known)
    assert maps.shape == (1, 12, 16) and maps.dtype == np.float32 and frames == [SHOWN]
    np.savez(path, name=["abc"], frame=[1, 2], probability=np.zeros((2, 4, 4)))
    with pytest.raises(PipelineError, match="name, frame and probability"):
        read_probabilities(path, known)
    np.savez(path, name=np.array([{}], dtype=object), frame=[1], probability=np.zeros((1, 4, 4)))
    with pytest.raises(PipelineError, match="name, frame and probability"):
        read_probabilities(path, known)  # pickled objects are never loaded
    np.savez(path, name=["zzz"], frame=[1], probability=np.zeros((1, 4, 4)))
    with pytest.raises(PipelineError, match="none of the frames"):
        read_probabilities(path, known)
    with pytest.raises(PipelineError, match="no such file"):
        read_probabilities(tmp_path / "none.npz", known)
