"""Trained models read from checkpoints, this project's and the published code's, ready for evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.checkpoint.published import published_segmenter, unwrap
from pipeline.config.params import Model
from pipeline.config.run_config import RunConfig
from pipeline.data.clip import PUBLISHED_SIDE
from pipeline.model import AUDIO_WIDTH, AVSModel, CropHeads, build_model
from pipeline.utils.errors import PipelineError
from pipeline.utils.weight_files import load_weights


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, ready for evaluation.

    Attributes:
        config: the settings it was trained by.
        model: the network, in evaluation mode.
        heads: the crop heads, where its variant has some.
        epoch: it was saved after; None for the published code's, which do not say.
        val_miou: its validation M_J; None for the published code's.
    """

    config: RunConfig
    model: AVSModel
    heads: CropHeads | None
    epoch: int | None
    val_miou: float | None


def load_checkpoint(path: Path, device: torch.device) -> Checkpoint:
    """Read a checkpoint that training wrote, or the published code's (a state dict, for 224 pixels).

    Args:
        path: the file.
        device: where the model goes.

    Raises:
        PipelineError: names a file that is missing, is neither, or has weights that are not finite.
    """
    found = _read(path, device)
    for part in (found.model, found.heads):
        for name, value in part.state_dict().items() if part else ():
            if not value.isfinite().all():
                raise PipelineError(
                    f"{path}: its weights {name} are NaN or infinite; use another checkpoint or train again."
                )
    return found


def _read(path: Path, device: torch.device) -> Checkpoint:
    """The checkpoint as it is stored, of either kind."""
    if path.is_dir():
        raise PipelineError(f"{path}: is a folder; give a checkpoint in it, as {path}/best.pt.")
    content = load_weights(path)
    if not isinstance(content, dict) or "config" not in content:
        content = unwrap(content)
    if isinstance(content, dict) and content and all(isinstance(value, Tensor) for value in content.values()):
        return _published(path, content, device)
    try:
        config = RunConfig.model_validate(content["config"])
        model = build_model(config.network, config.model, attention=config.attention)
        model.load_state_dict(content["model"])
        heads = None
        if content["heads"] is not None:
            heads = CropHeads(model.crop_width, categories=len(config.categories), audio_dim=AUDIO_WIDTH)
            heads.load_state_dict(content["heads"])
            heads.to(device).eval()
        found = Checkpoint(config, model, heads, content["epoch"], content["val_miou"])
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise PipelineError(f"{path}: is not a checkpoint of this version ({first}); train again.") from error
    model.to(device).eval()
    return found


def _published(path: Path, state: dict[str, Tensor], device: torch.device) -> Checkpoint:
    """The network that the published code trained, with the settings that it was published with."""
    try:
        model = published_segmenter(state)
    except ValueError as error:
        raise PipelineError(f"{path}: {error}") from error
    settings = Model.model_validate(
        {
            "backbone": model.backbone,
            "channels": model.channels,
            "tpavi_stages": sorted(int(stage) for stage in model.tpavi),
            "image_size": PUBLISHED_SIDE,
        }
    )
    config = RunConfig(
        variant="baseline",
        model=settings,
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
    return Checkpoint(config, model.to(device).eval(), None, epoch=None, val_miou=None)
