"""The published AVSBench code, imported from a checkout of it so that it can be run next to ours.

It is no part of this project: clone https://github.com/OpenNLPLab/AVSBench and pass its folder.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import timm.layers
import torch


def load_published(checkout: Path, setting: str = "avs_ms3", device: str = "cpu") -> dict[str, Any]:
    """Import its modules ("resnet", "pvt", "tpavi", "loss", "metrics") as they stand.

    Three things are put in its way: on a CPU `.cuda()` does nothing, the old timm's module names lead to
    today's, and nobody's pretrained weights are read at construction.
    """
    if device == "cpu":
        torch.Tensor.cuda = lambda self, *args, **kwargs: self  # type: ignore[method-assign]
    registry, vision = ModuleType("timm.models.registry"), ModuleType("timm.models.vision_transformer")
    registry.register_model = lambda function: function  # type: ignore[attr-defined]
    vision._cfg = lambda *args, **kwargs: {}  # type: ignore[attr-defined]
    old = {"timm.models.layers": timm.layers, registry.__name__: registry, vision.__name__: vision}
    before = {name: sys.modules.get(name) for name in old}
    sys.modules.update(old)
    sys.path.insert(0, str(checkout / "avs_scripts" / setting))
    names = {"resnet": "model.ResNet_AVSModel", "pvt": "model.PVT_AVSModel", "tpavi": "model.TPAVI"}
    names |= {"loss": "loss", "metrics": "utils.utility"}
    try:
        modules = {key: importlib.import_module(name) for key, name in names.items()}
    finally:
        sys.path.pop(0)
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
    modules["resnet"].Pred_endecoder.initialize_weights = lambda self: None
    modules["pvt"].Pred_endecoder.initialize_pvt_weights = lambda self: None
    return modules


def published_network(modules: dict[str, Any], backbone: str, **options: Any) -> torch.nn.Module:
    """Its whole network as in its training script: 256 channels, TPAVI at all four stages, audio-visual."""
    kind = "pvt" if backbone.startswith("pvt") else "resnet"
    settings = {"channel": 256, "tpavi_stages": [0, 1, 2, 3], "tpavi_va_flag": True, **options}
    with contextlib.redirect_stdout(io.StringIO()):
        return modules[kind].Pred_endecoder(**settings)
