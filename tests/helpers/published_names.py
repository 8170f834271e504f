"""Our weights under the names of the published code: stand-ins for its checkpoints."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from pipeline.model import Segmenter


def published_state(net: Segmenter) -> dict[str, Tensor]:
    """A state dict as the published code would name that of `net`: the mapping the other way round."""
    resnet = "encoder.conv1.weight" in net.state_dict()
    state = {}
    for key, value in net.state_dict().items():
        part = key.split(".")
        if part[0] == "encoder" and resnet:
            name = "resnet." + re.sub(r"layer([34])", r"layer\1_1", ".".join(part[1:]))
        elif part[1] == "patch_embed":
            name = ".".join(["encoder_backbone.patch_embed1", *part[2:]])
        elif part[0] == "encoder":
            stage = int(part[2]) + 1
            layer = {"blocks": "block", "downsample": "patch_embed", "norm": "norm"}[part[3]]
            name = ".".join([f"encoder_backbone.{layer}{stage}", *part[4:]])
            name = name.replace("dwconv", "dwconv.dwconv")
        elif part[0] == "reductions":
            name = ".".join([f"conv{int(part[1]) + 1}", "conv2d_list", *part[3:]])
        elif part[0] == "tpavi":
            layer = {"align": "align_channel", "norm": "norm_layer", "mu": "W_z.0", "bn": "W_z.1"}
            name = ".".join([f"tpavi_b{part[1]}", layer.get(part[2], part[2]), part[3]])
            if part[2] in ("theta", "phi", "g", "mu") and part[3] == "weight":
                value = value[:, :, None, None, None]
        elif part[1] == "fusions":
            unit = {"lateral": "resConfUnit1", "refine": "resConfUnit2"}[part[3]]
            name = ".".join([f"path{int(part[2]) + 1}", unit, *part[4:]])
        else:
            name = ".".join(["output_conv", *part[2:]])
        state[name] = value
    for unused in ("path4.resConfUnit1.conv1.weight", "path4.resConfUnit1.conv2.bias"):
        state[unused] = torch.zeros(1)
    return state
