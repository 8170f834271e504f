"""The networks by name."""

from __future__ import annotations

from pipeline.model.base import AVSModel, ModelSettings
from pipeline.model.localiser import Localiser
from pipeline.model.segmenter import Segmenter

AUDIO_WIDTH = 128  # of a VGGish feature

NETWORKS: dict[str, type[AVSModel]] = {"segmenter": Segmenter, "localiser": Localiser}


def build_model(
    network: str, settings: ModelSettings, *, attention: str = "sound", audio_dim: int = AUDIO_WIDTH
) -> AVSModel:
    """A network with random weights.

    Args:
        network: a key of `NETWORKS`.
        settings: section `model` of params.yaml.
        attention: what TPAVI attends to (see `Segmenter`).
        audio_dim: size of an audio feature.
    """
    return NETWORKS[network].from_settings(settings, attention, audio_dim)
