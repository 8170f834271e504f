from __future__ import annotations

import pytest
import torch

from pipeline.checkpoint.published import published_segmenter, translate, unwrap
from pipeline.model import Segmenter
from tests.helpers.published_names import published_state


@pytest.fixture(scope="module")
def net() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("resnet50", channels=8, tpavi_stages=[1, 4])


def test_round_trip(net: Segmenter) -> None:
    state = published_state(net)
    state["resnet.layer4_2.0.conv1.weight"] = torch.zeros(1)
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
    with pytest.raises(ValueError, match=r"holds bias_of_mine"):
        translate({**published_state(net), "bias_of_mine": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"also has encoder\.layer9\.weight"):
        published_segmenter({**published_state(net), "resnet.layer9.weight": torch.zeros(1)})


def test_missing_keys_are_named(net: Segmenter) -> None:
    state = published_state(net)
    del state["tpavi_b4.phi.weight"]
    with pytest.raises(ValueError, match=r"is missing tpavi\.4\.phi\.weight"):
        published_segmenter(state)
    with pytest.raises(ValueError, match=r"is missing conv1\.conv2d_list"):
        published_segmenter({})


def test_other_shapes_are_named(net: Segmenter) -> None:
    state = published_state(net)
    state["output_conv.4.weight"] = torch.zeros(2, 16, 1, 1)
    with pytest.raises(ValueError, match=r"in other shapes decoder\.head\.4\.weight"):
        published_segmenter(state)


@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "model.", "net.module."]
)
@pytest.mark.parametrize("holder", [None, "state_dict", "model", "model_state_dict"])
def test_wrapped_weights_are_found(prefix: str, holder: str | None) -> None:
    wanted = {"resnet.conv1.weight": torch.ones(1), "output_conv.0.bias": torch.zeros(1)}
    content: dict = {prefix + key: value for key, value in wanted.items()}
    if holder is not None:
        content = {"epoch": 3, "optimizer": {"state": {}}, "hyper_parameters": {"lr": 0.1}, holder: content}
    assert unwrap(content) == wanted


def test_a_mapping_that_holds_itself_ends() -> None:
    content: dict = {}
    content["model"] = content
    assert unwrap(content).keys() == {"model"}
    assert unwrap([1]) == [1]
