"""Image encoders by name: four feature maps at strides 4, 8, 16 and 32.

Three encoders have classes of their own, whose weights are named as in published checkpoints: `resnet18` and
`resnet50` of torchvision, and `pvt_v2_b5` with the published stochastic depth. Any other name is a timm
model.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

import torch
import torchvision
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)
DROP_PATH = 0.1  # stochastic depth of PVT-v2, as in the published AVS code
RESNETS = {"resnet18": (64, 128, 256, 512), "resnet50": (256, 512, 1024, 2048)}
BACKBONES = (*RESNETS, "pvt_v2_b5")  # those of this project's own classes


class Backbone(nn.Module):
    """An encoder that returns four maps.

    `forward` takes (n, 3, H, W), H and W divisible by 32, and returns four maps
    (n, channels[i], H / strides[i], W / strides[i]).

    Attributes:
        channels: channels of each map, finest first.
        strides: input pixels per map position, finest first.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...] = STRIDES

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Load the weights of an ImageNet classifier of this architecture, without its last layer.

        Raises:
            RuntimeError: torch's own, which names the keys, when anything else differs.
        """
        raise NotImplementedError


class ResNet(Backbone):
    """torchvision's ResNet-18 or ResNet-50 (He et al., CVPR 2016), its names kept, without the classifier."""

    def __init__(self, name: str) -> None:
        super().__init__()
        net = getattr(torchvision.models, name)(weights=None)
        self.channels = RESNETS[name]
        self.conv1, self.bn1, self.relu, self.maxpool = net.conv1, net.bn1, net.relu, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4

    def forward(self, images: Tensor) -> list[Tensor]:
        """Four maps of (n, 3, H, W), finest first."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return maps

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Load a torchvision state dict."""
        self.load_state_dict({key: value for key, value in state.items() if not key.startswith("fc.")})


class PVT(Backbone):
    """timm's PVT-v2-b5 (Wang et al., 2022), its names kept, without the classifier."""

    channels = (64, 128, 320, 512)

    def __init__(self) -> None:
        super().__init__()
        import timm  # here, since it takes seconds and few runs need it

        net = timm.create_model("pvt_v2_b5", pretrained=False, num_classes=0, drop_path_rate=DROP_PATH)
        self.patch_embed = net.get_submodule("patch_embed")
        self.stages = cast(nn.Sequential, net.get_submodule("stages"))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Four maps of (n, 3, H, W), finest first."""
        x = self.patch_embed(images)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Load a state dict of the PVT authors or of timm, which name the same weights differently."""
        from timm.models.pvt_v2 import checkpoint_filter_fn

        renamed = checkpoint_filter_fn(dict(state), self)
        self.load_state_dict({key: value for key, value in renamed.items() if not key.startswith("head.")})


class TimmBackbone(Backbone):
    """Any timm model that has feature maps at strides 4, 8, 16 and 32, as timm gives them (`features_only`).

    Args:
        name: timm's, with or without the tag of its weights: `convnext_tiny`, `convnext_tiny.in12k`.

    Raises:
        ValueError: timm has no such model, or it lacks one of the strides.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        import timm

        self.name = name
        if not timm.is_model(name):
            raise ValueError(f"{name!r} is none of {', '.join(BACKBONES)}, and no model of timm")
        try:
            net: Any = timm.create_model(name, pretrained=False, features_only=True)
        except (RuntimeError, AttributeError, AssertionError, TypeError) as error:
            raise ValueError(f"{name!r} gives no feature maps in timm ({error})") from error
        self.net, info = net, net.feature_info
        found = list(info.reduction())
        if missing := [stride for stride in STRIDES if stride not in found]:
            raise ValueError(
                f"{name!r} has feature maps at strides {found}, not at {missing}; {STRIDES} are needed"
            )
        # where several maps have a stride, the last is the deepest
        self.indices = [len(found) - 1 - found[::-1].index(stride) for stride in STRIDES]
        channels = info.channels()
        self.channels = tuple(channels[i] for i in self.indices)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Four maps of (n, 3, H, W), finest first."""
        maps = self.net(images)
        return [maps[i] for i in self.indices]

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Load a state dict of the whole timm model, in any form that timm itself can read."""
        import timm

        # most models' modules have a function that brings older names and shapes into today's
        module = sys.modules[timm.models.model_entrypoint(self.name).__module__]
        if convert := getattr(module, "checkpoint_filter_fn", None):
            state = convert(dict(state), timm.create_model(self.name, pretrained=False))
        # a model that gives features has other names for the same layers: stages_0.x for stages.0.x
        flat = {key.replace(".", "_"): value for key, value in state.items()}
        names = {key: key.removeprefix("model.").replace(".", "_") for key in self.net.state_dict()}
        self.net.load_state_dict({key: flat[name] for key, name in names.items() if name in flat})


def build_backbone(name: str) -> Backbone:
    """An encoder with random weights: one of `BACKBONES`, or any fitting timm model.

    Raises:
        ValueError: the name is unknown or the model does not fit, with the reason.
    """
    if name == "pvt_v2_b5":
        return PVT()
    return ResNet(name) if name in RESNETS else TimmBackbone(name)


def check_backbone(name: str) -> None:
    """Refuse a name that cannot be `model.backbone`. No weights are made or read.

    Raises:
        ValueError: the reason: it is unknown, has other strides, or does not take frames of any size.
    """
    if name in BACKBONES:
        return
    size = (64, 96)
    with torch.device("meta"), torch.no_grad():  # shapes alone
        backbone = TimmBackbone(name).eval()
        try:
            found = [tuple(m.shape[1:]) for m in backbone(torch.empty(1, 3, *size))]
        except (RuntimeError, AssertionError, ValueError) as error:
            raise ValueError(f"{name!r} does not take frames of {size} pixels ({error})") from error
    expected = [(c, size[0] // s, size[1] // s) for c, s in zip(backbone.channels, STRIDES, strict=True)]
    if found != expected:
        raise ValueError(f"{name!r} gives maps of shapes {found} for frames of {size} pixels, not {expected}")
