"""Trained models read from checkpoints, this project's and the published code's, ready for evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.checkpoint.published import published_segmenter
from pipeline.config.params import Model
from pipeline.config.run_config import RunConfig
from pipeline.data.clip import PUBLISHED_SIDE
from pipeline.model import AUDIO_WIDTH, AVSModel, CropHeads, build_model
from pipeline.utils.errors import PipelineError
from pipeline.utils.weight_files import load_weights


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, ready for evaluation."""

    plan: RunConfig
    segmenter: AVSModel
    heads: CropHeads | None
    epoch: int | None  # None: of the published code, which does not say
    val_miou: float | None


def load_checkpoint(path: Path, device: torch.device) -> Checkpoint:
    """Read a checkpoint that `pipeline.training.train` wrote, or the published code's (a state dict, for 224 pixels).

    Raises `PipelineError` that names a file that is missing or neither.
    """
    if path.is_dir():
        raise PipelineError(f"{path}: is a folder; give a checkpoint in it, as {path}/best.pt.")
    content = load_weights(path)
    if isinstance(content, dict) and content and all(isinstance(value, Tensor) for value in content.values()):
        return _published(path, content, device)
    try:
        plan = RunConfig.model_validate(content["config"])
        segmenter = build_model(plan.network, plan.model, attention=plan.attention)
        segmenter.load_state_dict(content["model"])
        heads = None
        if content["heads"] is not None:
            heads = CropHeads(segmenter.crop_width, categories=len(plan.categories), audio_dim=AUDIO_WIDTH)
            heads.load_state_dict(content["heads"])
            heads.to(device).eval()
        found = Checkpoint(plan, segmenter, heads, content["epoch"], content["val_miou"])
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise PipelineError(f"{path}: is not a checkpoint of this version ({first}); train again.") from error
    segmenter.to(device).eval()
    return found


def _published(path: Path, state: dict[str, Tensor], device: torch.device) -> Checkpoint:
    """The network that the published code trained, with the settings that it was published with."""
    try:
        segmenter = published_segmenter(state)
    except ValueError as error:
        raise PipelineError(f"{path}: {error}") from error
    stages = sorted(int(stage) for stage in segmenter.tpavi)
    plan = RunConfig(
        variant="baseline",
        model=Model.model_validate(
            {
                "backbone": segmenter.backbone,
                "channels": segmenter.channels,
                "tpavi_stages": stages,
                "image_size": PUBLISHED_SIDE,
            }
        ),
        categories=[],
        epochs=15,
        batch_size=4,
        lr=1e-4,
        schedule="constant",
        warmup_epochs=0,
        precision="32-true",
        keep_epochs=[],
        inputs={},
    )
    return Checkpoint(plan, segmenter.to(device).eval(), None, epoch=None, val_miou=None)
