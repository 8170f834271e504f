from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.model import Segmenter
from pipeline.model.published import published_segmenter, translate


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


@pytest.fixture(scope="module")
def net() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("resnet50", channels=8, tpavi_stages=[1, 4])


@pytest.mark.parametrize(("prefix", "branch"), [("", True), ("module.", False)])
def test_round_trip(net: Segmenter, prefix: str, branch: bool) -> None:
    state = {prefix + key: value for key, value in published_state(net).items()}
    if branch:
        state[prefix + "resnet.layer4_2.0.conv1.weight"] = torch.zeros(1)
    loaded = published_segmenter(state)
    ours = net.state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in loaded.state_dict().items())
    frames, audio = torch.randn(1, 2, 3, 32, 32), torch.randn(1, 2, 128)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(frames, audio).logits, net.eval()(frames, audio).logits)


def test_round_trip_pvt(pvt: Segmenter) -> None:
    loaded = published_segmenter(published_state(pvt)).state_dict()
    ours = pvt.state_dict()
    assert loaded.keys() == ours.keys() and all(torch.equal(loaded[key], ours[key]) for key in ours)


def test_unknown_keys_are_named(net: Segmenter) -> None:
    with pytest.raises(PipelineError, match=r"holds bias_of_mine"):
        translate({**published_state(net), "bias_of_mine": torch.zeros(1)})
    with pytest.raises(PipelineError, match=r"has beyond it encoder\.layer9\.weight"):
        published_segmenter({**published_state(net), "resnet.layer9.weight": torch.zeros(1)})


def test_missing_keys_are_named(net: Segmenter) -> None:
    state = published_state(net)
    del state["tpavi_b4.phi.weight"]
    with pytest.raises(PipelineError, match=r"lacks tpavi\.4\.phi\.weight"):
        published_segmenter(state)
    with pytest.raises(PipelineError, match=r"lacks conv1\.conv2d_list"):
        published_segmenter({})


def test_other_shapes_are_named(net: Segmenter) -> None:
    state = published_state(net)
    state["output_conv.4.weight"] = torch.zeros(2, 16, 1, 1)
    with pytest.raises(PipelineError, match=r"in other shapes decoder\.head\.4\.weight"):
        published_segmenter(state)
