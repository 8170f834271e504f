"""The network that a run asks for."""

from __future__ import annotations

from pipeline.config.run_config import RunConfig
from pipeline.model.localiser import Localiser
from pipeline.model.segmenter import Segmenter

AUDIO_WIDTH = 128  # of VGGish


def build_segmenter(plan: RunConfig) -> Segmenter | Localiser:
    """The network that a plan asks for, with random weights."""
    if plan.network == "localiser":
        return Localiser(backbone=plan.model.backbone, audio_dim=AUDIO_WIDTH)
    return Segmenter(
        backbone=plan.model.backbone,
        channels=plan.model.channels,
        tpavi_stages=tuple(plan.model.tpavi_stages),
        audio_dim=AUDIO_WIDTH,
        tpavi_gate=plan.model.tpavi_gate,
        attention=plan.attention,
        gated=plan.loss.gate > 0,
    )
