from __future__ import annotations

import copy

import pytest
import torch

from pipeline.model import Segmenter, build_backbone


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "pvt_v2_b5"])
def test_backbone_declares_what_it_gives(name: str, pvt: Segmenter) -> None:
    backbone = pvt.encoder.eval() if name == "pvt_v2_b5" else build_backbone(name).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]


def test_unknown_backbone_is_named() -> None:
    with pytest.raises(ValueError, match="vgg"):
        build_backbone("vgg")


def test_pvt_drops_paths_as_published(pvt: Segmenter) -> None:
    """0 to 0.1 in equal steps over all 52 blocks."""
    rates = [
        getattr(block.drop_path1, "drop_prob", 0.0) for stage in pvt.encoder.stages for block in stage.blocks
    ]
    torch.testing.assert_close(torch.tensor(rates), torch.linspace(0, 0.1, 52))


def test_imagenet_weights_of_the_pvt_authors(pvt: Segmenter) -> None:
    """Their names differ from timm's; a key too few is an error that names it."""
    backbone = copy.deepcopy(pvt.encoder)
    state = {key: torch.full_like(value, 0.5) for key, value in backbone.state_dict().items()}
    theirs = {"head.weight": torch.zeros(1000, 512), "head.bias": torch.zeros(1000)}
    for key, value in state.items():
        part = key.split(".")
        if part[0] == "patch_embed":
            part[0] = "patch_embed1"
        elif part[2] == "downsample":
            part[:3] = [f"patch_embed{int(part[1]) + 1}"]
        elif part[2] == "blocks":
            part[:3] = [f"block{int(part[1]) + 1}"]
        else:
            part[:3] = [f"norm{int(part[1]) + 1}"]
        theirs[".".join(part).replace("dwconv", "dwconv.dwconv")] = value
    backbone.load_imagenet(theirs)
    assert all((value == 0.5).all() for value in backbone.state_dict().values())
    del theirs["block3.7.attn.q.weight"]
    with pytest.raises(RuntimeError, match=r"stages\.2\.blocks\.7\.attn\.q\.weight"):
        backbone.load_imagenet(theirs)
