"""VGGish (Hershey et al., ICASSP 2017) as published AVS work runs it: no PCA, a ReLU after the last layer."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.utils.errors import PipelineError

WHERE = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
FEATURES = 128
_LEVEL = -2.0  # a log-mel value of middling loudness; silence is -4.6
_LAYERS: tuple[int | str, ...] = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M")


class VGGish(nn.Module):
    """Log-mel examples (n, 1, 96, 64) -> features (n, 128), not negative.

    State-dict keys are those of the published torch checkpoint: `features.{0,3,6,8,11,13}` and
    `embeddings.{0,2,4}`.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for width in _LAYERS:
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 6 * 4, 4096),
            nn.ReLU(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, FEATURES),
            nn.ReLU(),
        )

    def forward(self, examples: Tensor) -> Tensor:
        maps = self.features(examples)
        # flattened as TensorFlow does, in which the weights were learned: height, width, channel
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))


def load_vggish(weights: str, seed: int = 0) -> tuple[VGGish, str]:
    """The network in evaluation mode, and the SHA-256 of its weights' file ('' for `seeded`).

    Args:
        weights: `seeded` for random weights that `seed` alone decides, or a checkpoint's path.

    Raises `PipelineError` for a missing file, another file than its name promises, or another network's
    weights.
    """
    if weights == "seeded":
        return seeded_vggish(seed), ""
    path = Path(weights)
    checksum = _checksum(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds, with long advice
        raise PipelineError(f"{path}: is not a checkpoint of weights; fetch it from {WHERE}.") from error
    with torch.device("meta"):
        model = VGGish()
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = (
        {key: tuple(getattr(value, "shape", ())) for key, value in state.items()}
        if isinstance(state, dict)
        else {}
    )
    if found != expected:
        wrong = sorted(set(expected.items()) ^ set(found.items()))[:4]
        raise PipelineError(f"{path}: is not VGGish's state dict: keys or shapes differ, such as {wrong}.")
    model.load_state_dict(state, assign=True)
    return model.float().eval().requires_grad_(False), checksum


def seeded_vggish(seed: int) -> VGGish:
    """Random weights that keep a signal's size through the ReLUs (He et al., ICCV 2015).

    The first bias takes log-mels of a middling level (-2) to zero: else their common offset would drown what
    differs between sounds. The same seed gives the same weights on every machine.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        model = VGGish()
    model.to_empty(device="cpu")
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                fan_in = layer.weight[0].numel()
                layer.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
                nn.init.constant_(layer.get_parameter("bias"), 0)
        first = model.features[0]
        assert isinstance(first, nn.Conv2d) and first.bias is not None
        first.bias.copy_(-_LEVEL * first.weight.sum((1, 2, 3)))
    return model.eval().requires_grad_(False)


def _checksum(path: Path) -> str:
    if not path.is_file():
        raise PipelineError(
            f"{path}: no such file. Put VGGish there, from {WHERE} (`avs weights fetch vggish`), "
            "or set audio.weights: seeded."
        )
    with path.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    promised = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    if promised and not checksum.startswith(promised[1]):
        raise PipelineError(
            f"{path}: its SHA-256 begins {checksum[: len(promised[1])]}, its name promises {promised[1]}: "
            f"the file is damaged or another; fetch it again from {WHERE}."
        )
    return checksum
