from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.classification import BinaryJaccardIndex

from pipeline.metrics.segmentation import (
    THRESHOLDS,
    fscore,
    fscore_batch1,
    fscore_curves,
    iou_per_frame,
    miou,
)
from tests.helpers.paths import ROOT

GOLDEN = ROOT / "tests" / "golden" / "metrics.npz"


def looped_curve(probability: Tensor, target: Tensor) -> Tensor:
    """F of one frame, threshold by threshold."""
    out = []
    for threshold in torch.linspace(0, 1 - 1e-10, 255):
        mask = (probability >= threshold).float()
        hits = (mask * target).sum()
        precision, recall = hits / (mask.sum() + 1e-20), hits / (target.sum() + 1e-20)
        f = 1.3 * precision * recall / (0.3 * precision + recall)
        out.append(torch.zeros(()) if f.isnan() else f)
    return torch.stack(out)


def frames(n: int, seed: int = 0, side: int = 24) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    probability = torch.rand(n, side, side, generator=generator)
    target = torch.rand(n, side, side, generator=generator) < probability
    return probability, target.float()


def test_iou_by_hand() -> None:
    probability = torch.tensor([[[0.9, 0.6], [0.5, 0.1]], [[0.9, 0.6], [0.7, 0.1]], [[0, 0], [0, 0.2]]])
    target = torch.tensor([[[1, 0], [1, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]])
    # 1 of 3 (0.5 itself is not in the mask); empty truth: 1 of 4 pixels left empty; all of them
    assert iou_per_frame(probability, target).tolist() == pytest.approx([1 / 3, 1 / 4, 1])
    assert miou(torch.tensor([1 / 3, 1 / 4, 1])) == pytest.approx(19 / 36)


def test_iou_against_torchmetrics() -> None:
    probability, target = frames(6)
    for p, t, iou in zip(probability, target, iou_per_frame(probability, target), strict=True):
        assert iou.item() == pytest.approx(BinaryJaccardIndex()(p, t.int()).item(), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32, torch.int64])
def test_any_kind_of_target(dtype: torch.dtype) -> None:
    probability, target = frames(2)
    assert torch.equal(iou_per_frame(probability, target.to(dtype)), iou_per_frame(probability, target))
    assert torch.equal(fscore_curves(probability, target.to(dtype)), fscore_curves(probability, target))


def test_curve_by_hand() -> None:
    curve = fscore_curves(torch.tensor([[[0.0, 0.4], [0.8, 1.0]]]), torch.tensor([[[0, 0], [1, 1]]]))[0]
    # everything: P 1/2, R 1; without the first pixel: P 2/3; the truth: 1, 1; the last pixel: P 1, R 1/2
    for index, (p, r) in {
        0: (1 / 2, 1),
        1: (2 / 3, 1),
        110: (1, 1),
        204: (1, 1 / 2),
        254: (1, 1 / 2),
    }.items():
        assert curve[index].item() == pytest.approx(1.3 * p * r / (0.3 * p + r))


def test_curve_is_exactly_the_loop() -> None:
    probability, target = frames(3)
    probability[1] = (probability[1] * 254).round() / 254  # many on a threshold, give or take a rounding
    probability[2].view(-1)[:255] = torch.linspace(0, 1 - 1e-10, 255)  # all exactly on one
    probability[2].view(-1)[255:510] = torch.nextafter(torch.linspace(0, 1 - 1e-10, 255), torch.zeros(()))
    for p, t, curve in zip(probability, target, fscore_curves(probability, target), strict=True):
        assert torch.equal(curve, looped_curve(p, t))


@settings(max_examples=40)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_curve_is_exactly_the_loop_anywhere(values: list[float], truth: list[bool]) -> None:
    probability, target = torch.tensor(values).view(1, 2, 2), torch.tensor(truth).view(1, 2, 2).float()
    curve = fscore_curves(probability, target)[0]
    if any(truth):
        assert torch.equal(curve, looped_curve(probability[0], target[0]))
    else:
        assert curve.isnan().all()


def test_whole_set_and_batch_of_one() -> None:
    """Two clips of one frame whose best thresholds differ: together they cannot both have theirs."""
    curves = torch.zeros(2, THRESHOLDS)
    curves[0, 10], curves[1, 20] = 1.0, 0.5
    assert fscore(curves) == pytest.approx(0.5)  # mean curve: 0.5 at 10, 0.25 at 20
    assert fscore_batch1(curves.unsqueeze(1)) == pytest.approx(0.75)


def test_empty_truths_do_not_count() -> None:
    probability, target = frames(4)
    target[2] = 0
    curves = fscore_curves(probability, target)
    assert curves[2].isnan().all()
    assert fscore(curves) == fscore(curves[[0, 1, 3]])
    assert fscore_batch1(curves.unsqueeze(1)) == pytest.approx(
        curves[[0, 1, 3]].amax(1).double().sum().item() / 4  # the published script counts such a clip as 0
    )
    assert fscore(curves[2:3]) == 0


def test_published_answers() -> None:
    """Of `benchmarks/golden.py`: the published code's figures, of all frames together, singly and by four."""
    golden = np.load(GOLDEN)
    probability = torch.from_numpy(golden["logits"]).sigmoid()
    target = torch.from_numpy(golden["target"])
    iou = iou_per_frame(probability, target)
    np.testing.assert_allclose(iou.numpy(), golden["iou_each"], atol=1e-6)
    assert miou(iou) == pytest.approx(float(golden["miou_all"]), abs=1e-6)
    curves = fscore_curves(probability, target)
    assert fscore(curves) == pytest.approx(float(golden["f_all"]), abs=1e-6)
    assert fscore_batch1(curves.unsqueeze(1)) == pytest.approx(float(golden["f_each"].mean()), abs=1e-6)
    np.testing.assert_allclose(
        [fscore_batch1(c.unsqueeze(0)) for c in curves.unsqueeze(1)], golden["f_each"], atol=1e-6
    )
    by_four = [fscore_batch1(c.unsqueeze(0)) for c in curves.unflatten(0, (3, 4))]
    np.testing.assert_allclose(by_four, golden["f_batches_of_4"], atol=1e-6)
