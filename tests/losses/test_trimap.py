from __future__ import annotations

import math

import pytest
import torch

from pipeline.losses.trimap import trimap
from pipeline.model import Encoded, Localiser


def test_by_hand() -> None:
    """Half of each picture sure (0.9), half sure background (0); 0.8 throughout under the other's sound."""
    similarity = torch.full((2, 2, 2, 2), 0.8)
    for i in range(2):
        similarity[i, i] = torch.tensor([[0.9, 0.9], [0.0, 0.0]])
    p, n, e = (math.exp(x / 0.07) for x in (0.9, 0.0, 0.8))
    assert trimap(similarity).item() == pytest.approx(math.log((p + n + e) / p), rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_small_cosines_count_in_full(dtype: torch.dtype) -> None:
    """Of untrained maps: all foreground weights are alike and tiny (2e-9), so that P, E and N are means."""
    similarity = torch.full((2, 2, 6, 6), 0.0, dtype=dtype)
    for i in range(2):
        similarity[i, i] = torch.linspace(0.04, 0.06, 6)  # alike to the weights' softness of 0.03
    similarity.requires_grad_()
    loss = trimap(similarity)
    loss.backward()
    assert similarity.grad is not None
    own, other = similarity.grad[0, 0].float().sum().item(), similarity.grad[0, 1].float().sum().item()
    p, n, e = (math.exp(x / 0.07) for x in (0.0515, 0.05, 0.0))
    assert loss.item() == pytest.approx(math.log((p + n + e) / p), abs=0.02)
    assert other == pytest.approx(e / (p + n + e) / 0.07 / 2, rel=0.1)
    assert -0.8 * other > own > -2 * other


def test_undecided_pixels_do_not_pull() -> None:
    """0.52 lies between the thresholds: neither foreground nor background, so it hardly gets a gradient."""
    similarity = torch.tensor([[[[0.9, 0.52, 0.1]]]], requires_grad=True)
    trimap(similarity).backward()
    assert similarity.grad is not None
    sure, undecided, background = similarity.grad.abs().flatten()
    assert undecided < 0.2 * background and undecided < 0.2 * sure.clamp(min=background.item())


def test_localiser_learns_to_tell_two_sounds_apart() -> None:
    torch.manual_seed(0)
    net = Localiser("resnet18", width=16, audio_dim=2)
    frames, audio = torch.randn(2, 3, 32, 32), torch.eye(2)
    assert net.audio_cosines(frames[:, None], audio[:, None]).shape == (1, 2, 2, 2, 2)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        loss = trimap(net.audio_cosines(frames[:, None], audio[:, None])[0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_mask_is_what_fits_the_own_sound_best() -> None:
    torch.manual_seed(0)
    net = Localiser("resnet18", audio_dim=4).eval()
    frames, audio = torch.randn(1, 2, 3, 64, 96), torch.randn(1, 2, 4)
    with torch.no_grad():
        probability = net(frames, audio).logits.sigmoid()
        cosine = net.audio_cosines(frames[0][:, None], audio[0][:, None])[0][[0, 1], [0, 1]]  # (2, 4, 6)
    assert probability.shape == (1, 2, 64, 96)
    for shown, own in zip(probability[0], cosine, strict=True):
        assert shown.min() == pytest.approx(0, abs=1e-5) and shown.max() == pytest.approx(1, abs=1e-5)
        # the outermost pixels hold the outermost cosines
        ratio = (shown[0, 0] - shown[-1, -1]) / (shown[0, -1] - shown[-1, 0])
        assert ratio == pytest.approx(float((own[0, 0] - own[-1, -1]) / (own[0, -1] - own[-1, 0])), rel=1e-3)


def test_a_flat_map_shows_nothing() -> None:
    net = Localiser("resnet18", audio_dim=4).eval()
    with torch.no_grad():
        logits = net.decode(Encoded([torch.ones(1, 2, 128, 2, 2)]), torch.randn(1, 2, 4)).logits
    assert (logits < 0).all()
