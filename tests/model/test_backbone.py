from __future__ import annotations

import copy

import pytest
import timm
import torch

from pipeline.model import BACKBONES, Segmenter, build_backbone
from pipeline.model.backbone import check_backbone


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "pvt_v2_b5"])
def test_backbone_declares_what_it_gives(name: str, pvt: Segmenter) -> None:
    backbone = pvt.encoder.eval() if name == "pvt_v2_b5" else build_backbone(name).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]


# of five maps, one at stride 2; of four; two at stride 1 and 2; with the layers in one sequence
@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "pvt_v2_b0", "vgg11", "resnest14d"])
def test_a_timm_model_that_fits(name: str) -> None:
    check_backbone(name)
    torch.manual_seed(0)
    backbone = build_backbone(name).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(backbone.channels, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vgg", r"'vgg' is none of resnet18, resnet50, pvt_v2_b5, and no model of timm"),
        ("convnext_tiny.nosuch", r"'convnext_tiny\.nosuch' gives no feature maps in timm \(.*nosuch"),
        (
            "vit_tiny_patch16_224",
            r"has feature maps at strides .*, not at \[4, 8, 32\]",
        ),
        ("swin_tiny_patch4_window7_224", r"does not take frames of \(64, 96\) pixels \(.*224"),
    ],
)
def test_a_name_that_does_not_fit_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_backbone(name)


@pytest.mark.parametrize("name", BACKBONES)
def test_this_projects_own_fit(name: str) -> None:
    check_backbone(name)


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "pvt_v2_b0"])
def test_a_timm_encoder_gives_what_the_whole_model_gives(name: str) -> None:
    """With the weights of timm's model, whose names of stages differ there."""
    torch.manual_seed(0)
    whole, backbone = timm.create_model(name).eval(), build_backbone(name).eval()
    backbone.load_imagenet(whole.state_dict())
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        last = backbone(images)[-1]
        expected = whole.forward_features(images)
    assert last.shape[-2:] == expected.shape[-2:] == (2, 2)
    if last.shape == expected.shape:
        torch.testing.assert_close(last, expected)


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
