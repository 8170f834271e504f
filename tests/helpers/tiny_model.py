"""A checkpoint of a small model with random weights, for the tests of what reads one."""

from __future__ import annotations

from pathlib import Path

import torch

from pipeline.config.params import Model
from pipeline.config.run_config import RunConfig
from pipeline.model import build_model
from pipeline.training.progress import checkpoint
from pipeline.training.seed import seed_everything

SIDE = 32  # pixels of its frames


def write_checkpoint(path: Path, *, audio: bool = True, inputs: dict[str, str] | None = None) -> Path:
    """Write one whose masks are moved by the sound, as if it had been trained."""
    config = RunConfig(
        variant="baseline" if audio else "silent",
        attention="sound" if audio else "constant",
        model=Model(backbone="resnet18", channels=8, tpavi_stages=[3, 4], image_size=SIDE),
        categories=[],
        epochs=1,
        batch_size=2,
        lr=0.001,
        schedule="constant",
        warmup_epochs=0,
        precision="32-true",
        keep_epochs=[],
        inputs=inputs or {},
    )
    seed_everything(5)
    segmenter = build_model(config.network, config.model)
    for block in segmenter.tpavi.values():
        torch.nn.init.normal_(block.bn.weight, 0.0, 30.0)  # zero when training begins: the sound has no say
    last = segmenter.decoder.head[-1]
    with torch.no_grad():  # from masks that are grey all over to some that have an inside
        last.weight *= 30
        last.bias.zero_()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint(segmenter, None, config, 1, {"val/miou": 0.5}), path)
    return path
