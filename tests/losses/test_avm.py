from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pipeline.losses.avm import avm_av, avm_vv, kl
from tests.helpers.paths import ROOT

GOLDEN = ROOT / "tests" / "golden" / "avm.npz"


def test_kl_by_hand() -> None:
    """softmax(log 3, 0) = (3/4, 1/4) against (1/2, 1/2): 3/4 log(3/2) + 1/4 log(1/2)."""
    target, feature = torch.tensor([[math.log(3), 0.0]]), torch.tensor([[0.0, 0.0]])
    assert kl(target, feature).item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert kl(target.repeat(4, 1), feature.repeat(4, 1)).item() == pytest.approx(
        4 * kl(target, feature).item()
    )


def test_av_by_hand() -> None:
    """Logits pool to 0 (mask 1/2); the map's mean under it is (log 9 / 2, 0) = (log 3, 0); audio (0, 0)."""
    logits = torch.tensor([[-4.0, 4.0], [2.0, -2.0]]).view(1, 1, 2, 2)
    maps = torch.tensor([math.log(9), 0.0]).view(1, 1, 2, 1, 1)
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert avm_av(logits, [maps], [torch.zeros(1, 1, 2)]).item() == pytest.approx(expected, rel=1e-5)
    # the mean over stages; a stage without audio is none
    both = avm_av(logits, [maps, maps, maps], [torch.zeros(1, 1, 2), None, torch.zeros(1, 1, 2)])
    assert both.item() == pytest.approx(expected, rel=1e-5)


def test_vv_compares_frames_that_sound_alike() -> None:
    logits = torch.full((1, 3, 2, 2), 100.0)  # the masks are full
    audio = torch.tensor([[[0.0, 0], [0.1, 0], [5, 0]]])  # nearest: 0 -> 1, 1 -> 0, 2 -> 1
    maps = torch.tensor([[math.log(3), 0], [0, 0], [0, 0]]).view(1, 3, 2, 1, 1)
    far, near = torch.tensor([[math.log(3), 0]]), torch.tensor([[0.0, 0]])
    expected = kl(near, far) + kl(far, near)  # frames 0 and 1; frame 2 agrees with 1
    torch.testing.assert_close(avm_vv(logits, [maps], [audio]), expected)


def test_no_audio_is_an_error() -> None:
    for loss in (avm_av, avm_vv):
        with pytest.raises(ValueError, match="aligned audio"):
            loss(torch.zeros(1, 1, 2, 2), [torch.zeros(1, 1, 2, 1, 1)], [None])


@pytest.mark.parametrize(("answer", "loss"), [("av", avm_av), ("vv", avm_vv)])
def test_published_answers(answer: str, loss) -> None:
    """Of `benchmarks/golden.py`: the published code's losses of the same logits, maps and audio."""
    golden = {name: torch.from_numpy(value) for name, value in np.load(GOLDEN).items()}
    logits = golden["mask_logits"].view(2, 5, 16, 16)
    maps = [golden[f"map{i}"].unflatten(0, (2, 5)) for i in range(4)]
    audio = [golden[f"audio{i}"] for i in range(4)]
    assert loss(logits, maps, audio).item() == pytest.approx(golden[answer].item(), rel=1e-5)
