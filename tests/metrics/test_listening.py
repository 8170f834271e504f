from __future__ import annotations

import pytest
import torch

from pipeline.metrics.listening import (
    false_positive_area,
    g_miou,
    mask_iou,
    null_score,
    sensitivity,
    swap_passed,
)


def mask(*rows: str) -> torch.Tensor:
    return torch.tensor([[[c == "#" for c in row] for row in rows]])


def test_a_blind_model_scores_what_the_paper_says():
    assert g_miou(0.862, 0.862) == pytest.approx(0.2379, abs=5e-5)


def test_a_perfect_listener_scores_one_and_a_deaf_perfect_segmenter_zero():
    assert g_miou(1.0, 0.0) == 1.0
    assert g_miou(1.0, 1.0) == 0.0
    assert g_miou(0.0, 1.0) == 0.0


def test_area_and_null_score_by_hand():
    area = false_positive_area(mask("##..", "....", "....", "...."))
    assert area.tolist() == [0.125]
    assert null_score(0.25) == 0.5


def test_sensitivity_by_hand():
    a, b = mask("##..", "##.."), mask("#...", "#..#")
    assert mask_iou(a, b).item() == pytest.approx(2 / 5)
    assert sensitivity(a, b).item() == pytest.approx(3 / 5)
    empty = mask("....", "....")
    assert sensitivity(empty, empty).item() == 0  # the mask did not change


def test_the_swap_test_takes_a_mask_that_moves_and_refuses_a_blind_one():
    own, other = mask("#..."), mask("...#")
    assert swap_passed(own, other, own, other)[0].tolist() == [True]
    assert swap_passed(own, own, own, other)[0].tolist() == [False]
    assert swap_passed(other, other, own, other)[0].tolist() == [False]
    empty = mask("....")
    assert swap_passed(own, empty, own, other)[0].tolist() == [False]
    assert swap_passed(own, other, own, other)[1].tolist() == [1.0]
