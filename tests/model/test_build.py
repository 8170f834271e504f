"""The networks by name, and what each reads of the settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pipeline.config.params import Model
from pipeline.config.variants import VARIANTS
from pipeline.model import NETWORKS, AVSModel, build_model

SETTINGS = Model(backbone="resnet18", channels=8, tpavi_stages=[4], image_size=32, sound_gate=True)


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> AVSModel:
    torch.manual_seed(0)
    return build_model(request.param, SETTINGS)


def test_every_variant_trains_a_network_of_the_table() -> None:
    assert {variant.network for variant in VARIANTS.values()} <= NETWORKS.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_reads_the_settings_that_it_says(name: str) -> None:
    read = set()

    class Recorder:
        def __getattr__(self, key: str) -> Any:
            read.add(key)
            return getattr(SETTINGS, key)

    build_model(name, Recorder())  # type: ignore[arg-type]
    assert read == NETWORKS[name].SETTINGS


def test_every_network_segments(network: AVSModel) -> None:
    frames, audio = torch.randn(2, 3, 3, 32, 64), torch.randn(2, 3, 128)
    encoded = network.encode(frames)
    assert network.decode(encoded, audio).logits.shape == (2, 3, 32, 64)
    assert network.decode(encoded, audio, num_frames=1).logits.shape == (2, 1, 32, 64)
    assert network(frames, audio).logits.shape == (2, 3, 32, 64)
    assert network.crop_features(frames).shape == (2, 3, network.crop_width)
    initial = network.initial_state(network.state_dict())
    assert initial.keys() <= network.state_dict().keys()
    assert {f"encoder.{name}" for name in network.encoder.state_dict()} <= initial.keys()
