"""Image encoders behind one factory: four feature maps at strides 4, 8, 16 and 32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torchvision
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)
DROP_PATH = 0.1  # stochastic depth of PVT-v2, as in the published AVS code
BACKBONES = ("resnet18", "resnet50", "pvt_v2_b5")


class Backbone(nn.Module):
    """An encoder that returns four maps.

    Attributes:
        channels: channels of each map, finest first.
        strides: input pixels per map position, finest first.

    `forward` takes (n, 3, H, W), H and W divisible by 32, and returns four maps
    (n, channels[i], H / strides[i], W / strides[i]).
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...] = STRIDES

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of an ImageNet classifier of this architecture; its last layer is left out.

        Raises RuntimeError (torch's own, naming the keys) when anything else differs.
        """
        raise NotImplementedError


class ResNet(Backbone):
    """torchvision's ResNet-18 or ResNet-50 (He et al., CVPR 2016), its names kept, without the classifier."""

    def __init__(self, name: str) -> None:
        super().__init__()
        net = getattr(torchvision.models, name)(weights=None)
        self.channels = (64, 128, 256, 512) if name == "resnet18" else (256, 512, 1024, 2048)
        self.conv1, self.bn1, self.relu, self.maxpool = net.conv1, net.bn1, net.relu, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return maps

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        self.load_state_dict({key: value for key, value in state.items() if not key.startswith("fc.")})


class PVT(Backbone):
    """timm's PVT-v2-b5 (Wang et al., 2022), its names kept, without the classifier."""

    channels = (64, 128, 320, 512)

    def __init__(self) -> None:
        super().__init__()
        import timm  # here, since it takes seconds and only this encoder needs it

        net = timm.create_model("pvt_v2_b5", pretrained=False, num_classes=0, drop_path_rate=DROP_PATH)
        self.patch_embed = net.get_submodule("patch_embed")
        self.stages = cast(nn.Sequential, net.get_submodule("stages"))

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.patch_embed(images)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        from timm.models.pvt_v2 import checkpoint_filter_fn

        # the file of the PVT authors and that of timm name the same weights differently
        renamed = checkpoint_filter_fn(dict(state), self)
        self.load_state_dict({key: value for key, value in renamed.items() if not key.startswith("head.")})


def build_backbone(name: str) -> Backbone:
    """Make an encoder with random weights: "resnet18", "resnet50" or "pvt_v2_b5"."""
    if name == "pvt_v2_b5":
        return PVT()
    if name in BACKBONES:
        return ResNet(name)
    raise ValueError(f"backbone: {name!r} is none of {', '.join(BACKBONES)}")
