from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pipeline.audio.logmel import log_mel
from pipeline.audio.vggish import VGGish, load_vggish, seeded_vggish
from pipeline.data.sound import read_mono
from pipeline.utils.errors import PipelineError
from tests.helpers.paths import ROOT
from tests.helpers.trees import write_sound

KEYS = [f"features.{n}.{kind}" for n in (0, 3, 6, 8, 11, 13) for kind in ("weight", "bias")]
KEYS += [f"embeddings.{n}.{kind}" for n in (0, 2, 4) for kind in ("weight", "bias")]


@pytest.fixture(scope="module")
def network() -> VGGish:
    return seeded_vggish(0)


def test_state_dict_has_the_published_names_and_shapes(network: VGGish) -> None:
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert list(shapes) == KEYS
    assert shapes["features.0.weight"] == (64, 1, 3, 3)
    assert shapes["features.13.weight"] == (512, 512, 3, 3)
    assert shapes["embeddings.0.weight"] == (4096, 12_288)
    assert shapes["embeddings.4.weight"] == (128, 4096)


def test_forward_agrees_with_the_layers_written_out(network: VGGish) -> None:
    """Every step by functional calls; the flattening by an explicit loop over height, width and channel."""
    x = torch.randn(2, 1, 96, 64, generator=torch.Generator().manual_seed(1))
    weights = network.state_dict()
    h = x
    for layer, pooled in ((0, True), (3, True), (6, False), (8, True), (11, False), (13, True)):
        h = F.relu(
            F.conv2d(h, weights[f"features.{layer}.weight"], weights[f"features.{layer}.bias"], padding=1)
        )
        h = F.max_pool2d(h, 2) if pooled else h
    assert h.shape == (2, 512, 6, 4)
    h = torch.stack([h[:, :, row, column] for row in range(6) for column in range(4)], dim=1).reshape(2, -1)
    for layer in (0, 2, 4):
        h = F.relu(F.linear(h, weights[f"embeddings.{layer}.weight"], weights[f"embeddings.{layer}.bias"]))
    torch.testing.assert_close(network(x), h, rtol=1e-4, atol=1e-4)
    assert (h >= 0).all()


def test_seed_decides_the_weights(network: VGGish) -> None:
    key = "features.3.weight"
    assert torch.equal(seeded_vggish(0).state_dict()[key], network.state_dict()[key])
    assert not torch.equal(seeded_vggish(1).state_dict()[key], network.state_dict()[key])


def test_seeded_weights_tell_sounds_apart(network: VGGish) -> None:
    time = np.arange(80_000) / 16_000
    low, high = (np.stack(log_mel(np.sin(2 * np.pi * hertz * time))[:, None]) for hertz in (300, 3000))
    with torch.inference_mode():
        features = network(torch.from_numpy(np.concatenate([low, high])))
    within = (features[:5] - features[:5].mean(0)).norm(dim=1).mean()
    between = (features[:5].mean(0) - features[5:].mean(0)).norm()
    assert between > 5 * within
    assert (features.amax(0) > 0).sum() > 64  # most units are alive
    assert 0.1 < float(features.mean()) < 100  # neither faded nor blown up


PUBLISHED = ROOT / "weights" / "vggish-10086976.pth"


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="needs `avs weights fetch vggish`")
def test_published_weights_give_the_known_values(tmp_path: Path) -> None:
    path = tmp_path / "sine.wav"
    write_sound(path, np.sin(2 * np.pi * 1000 * np.arange(3 * 44_100) / 44_100), 44_100)
    patches = torch.from_numpy(log_mel(read_mono(path))[:, None])
    features = load_vggish(str(PUBLISHED))[0](patches)
    assert features.mean().item() == pytest.approx(0.131, rel=0.1)
    assert features.std().item() == pytest.approx(0.238, rel=0.1)


def _save(folder: Path, state: object, name: str = "vggish.pth") -> Path:
    path = folder / name
    torch.save(state, path)
    return path


def test_checkpoint_is_loaded_by_its_name(tmp_path: Path, network: VGGish) -> None:
    path = _save(tmp_path, network.state_dict())
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    path = path.rename(tmp_path / f"vggish-{checksum[:8]}.pth")
    loaded, found = load_vggish(str(path))
    assert found == checksum
    assert not loaded.training
    x = torch.randn(1, 1, 96, 64)
    assert torch.equal(loaded(x), network(x))
    path = path.rename(tmp_path / "vggish-10086976.pth")
    with pytest.raises(PipelineError, match=rf"begins {checksum[:8]}, its name promises 10086976"):
        load_vggish(str(path))


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"vggish\.pth: is not VGGish's state dict.*conv\.weight"):
        load_vggish(str(_save(tmp_path, {"conv.weight": torch.zeros(3)})))
    with pytest.raises(PipelineError, match="is not VGGish's state dict"):
        load_vggish(str(_save(tmp_path, [1, 2])))


def test_missing_and_malicious_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"none\.pth: no such file\. Put VGGish there, from https://"):
        load_vggish(str(tmp_path / "none.pth"))

    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "exploded",))

    with pytest.raises(PipelineError, match="is not a file of weights") as error:
        load_vggish(str(_save(tmp_path, Bomb())))
    assert "weights_only" not in str(error.value)  # torch's advice to run what a stranger's file holds
    assert not (tmp_path / "exploded").exists()
