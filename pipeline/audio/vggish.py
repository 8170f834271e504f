"""VGGish audio network (Hershey et al., ICASSP 2017), as published AVS work runs it.

Without the PCA of the original release, and with a ReLU after the last layer.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.utils.errors import PipelineError
from pipeline.utils.weight_files import VGGISH, load_weights, sha256_of

FEATURES = 128
_MEDIUM_LEVEL = -2.0  # log-mel value of medium loudness; silence is -4.6
_LAYERS: tuple[int | str, ...] = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M")


class VGGish(nn.Module):
    """Log-mel patches (n, 1, 96, 64) -> features (n, 128), not negative.

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

    def forward(self, patches: Tensor) -> Tensor:
        """Features (n, 128) of log-mel patches (n, 1, 96, 64)."""
        maps = self.features(patches)
        # height, width, channel: the weights were trained in TensorFlow, which flattens in this order
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))


def load_vggish(weights: str, seed: int = 0) -> tuple[VGGish, str]:
    """Load VGGish in evaluation mode.

    Args:
        weights: `seeded` for random weights that `seed` alone decides, or a checkpoint's path.
        seed: of seeded weights.

    Returns:
        The network, and the SHA-256 of its checkpoint ("" for `seeded`).

    Raises:
        PipelineError: the file is missing, is not the one that its name promises, or holds another network's
            weights.
    """
    if weights == "seeded":
        return seeded_vggish(seed), ""
    path = Path(weights)
    checksum = _checksum(path)
    state = load_weights(path)
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
    """VGGish with random weights that preserve a signal's variance through the ReLUs (He et al., ICCV 2015).

    The first bias maps log-mel values of a medium level (-2) to zero: otherwise their common offset would
    drown the differences between sounds.

    Args:
        seed: the same seed gives the same weights on every machine.

    Returns:
        The network in evaluation mode.
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
        first.bias.copy_(-_MEDIUM_LEVEL * first.weight.sum((1, 2, 3)))
    return model.eval().requires_grad_(False)


def _checksum(path: Path) -> str:
    """SHA-256 of a checkpoint, compared with the digits in its name, if there are any."""
    if not path.is_file():
        raise PipelineError(
            f"{path}: no such file. Put VGGish there, from {VGGISH.url} (`avs weights fetch vggish`), "
            "or set audio.weights: seeded."
        )
    checksum = sha256_of(path)
    promised = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    if promised and not checksum.startswith(promised[1]):
        raise PipelineError(
            f"{path}: its SHA-256 begins {checksum[: len(promised[1])]}, its name promises {promised[1]}: "
            f"the file is damaged or another; fetch it again from {VGGISH.url}."
        )
    return checksum
