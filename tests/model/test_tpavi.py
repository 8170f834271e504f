from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.checkpoint.published import translate
from pipeline.model.tpavi import TPAVI
from tests.helpers.direct_tpavi import DirectTPAVI, alive
from tests.helpers.paths import ROOT

GOLDEN = ROOT / "tests" / "golden" / "tpavi.npz"


@pytest.mark.parametrize("with_audio", [True, False], ids=["audio-visual", "visual-visual"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("frames", "height", "width"), [(5, 4, 4), (1, 3, 5), (3, 2, 7)])
def test_equals_the_direct_form(
    with_audio: bool, training: bool, frames: int, height: int, width: int
) -> None:
    torch.manual_seed(frames)
    block = alive(TPAVI(16, audio_dim=6)).double().train(training)
    maps = torch.randn(2, frames, 16, height, width, dtype=torch.double, requires_grad=True)
    audio = torch.randn(2, frames, 6, dtype=torch.double, requires_grad=True) if with_audio else None
    inputs = [maps, *([audio] if audio is not None else []), *block.parameters()]
    results = []
    for form in (block, DirectTPAVI(block)):
        z, aligned = form(maps, audio)
        assert (aligned is None) == (audio is None)
        gradients = torch.autograd.grad(
            (z * torch.linspace(-1, 1, z.numel()).view_as(z)).sum(), inputs, allow_unused=True
        )
        results.append((z, gradients))
    (linear, linear_gradients), (direct, direct_gradients) = results
    torch.testing.assert_close(linear, direct, rtol=1e-10, atol=1e-10)
    for ours, theirs in zip(linear_gradients, direct_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)


def test_new_block_is_layer_norm() -> None:
    block, maps = TPAVI(8), torch.randn(1, 2, 8, 3, 3)
    z, _ = block(maps, torch.randn(1, 2, 128))
    torch.testing.assert_close(z.movedim(2, -1), torch.nn.functional.layer_norm(maps.movedim(2, -1), (8,)))


def test_one_position_by_hand() -> None:
    """T = h = w = 1, all maps the identity: alpha = V.A, Z = LayerNorm(V + (V.A) V)."""
    block = TPAVI(2, audio_dim=2).eval()
    with torch.no_grad():
        for layer, weight in (
            (block.align, [[1.0, 0], [0, 1]]),
            (block.theta, [[1.0, 0]]),
            (block.phi, [[1.0, 0]]),
            (block.g, [[0.0, 1]]),
            (block.mu, [[1.0], [0.0]]),
        ):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.zero_()
        block.bn.weight.fill_(1)
        block.norm = torch.nn.Identity()
    z, aligned = block(torch.tensor([3.0, 5.0]).view(1, 1, 2, 1, 1), torch.tensor([[[2.0, 7.0]]]))
    # theta = 3, phi = 2, g = 5: V + (3 * 2 * 5, 0), batch norm at rest divides by sqrt(1 + 1e-5)
    torch.testing.assert_close(z.flatten(), torch.tensor([33.0, 5.0]), rtol=1e-4, atol=0)
    assert aligned is not None and aligned.flatten().tolist() == [2, 7]


def test_published_answers() -> None:
    """Of `benchmarks/golden.py`: the published block with the same weights."""
    golden = np.load(GOLDEN)
    state = {
        f"tpavi_b1.{k.removeprefix('state/')}": torch.from_numpy(golden[k])
        for k in golden
        if k.startswith("state/")
    }
    block = TPAVI(8)
    block.load_state_dict({key.removeprefix("tpavi.1."): value for key, value in translate(state).items()})
    maps = torch.from_numpy(golden["x"]).transpose(1, 2).requires_grad_()
    audio = torch.from_numpy(golden["audio"])

    def published(z: torch.Tensor) -> np.ndarray:
        return z.detach().transpose(1, 2).numpy()

    block.eval()
    z, aligned = block(maps, audio)
    assert aligned is not None
    np.testing.assert_allclose(published(z), golden["out_eval"], atol=1e-5)
    np.testing.assert_allclose(aligned.detach().numpy(), golden["audio_out"], atol=1e-5)
    z.square().mean().backward()
    assert maps.grad is not None
    # the mean square of a layer norm hardly varies: terms of 1e-4 cancel down to 5e-9
    np.testing.assert_allclose(published(maps.grad), golden["grad_x_of_mean_square_eval"], atol=5e-10)
    np.testing.assert_allclose(published(block(maps, None)[0]), golden["out_visual_visual_eval"], atol=1e-5)
    # batch norm's division by a small deviation widens single elements: compare the whole
    error = published(block.train()(maps, audio)[0]) - golden["out_train"]
    assert np.linalg.norm(error) < 1e-5 * np.linalg.norm(golden["out_train"])
