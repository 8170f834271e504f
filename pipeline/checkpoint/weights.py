"""Pretrained weights: where they are published, downloads, hash checks, and a network's initial weights."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from torch import Tensor

from pipeline.checkpoint.published import misfits, published_segmenter, unwrap
from pipeline.config.params import Model
from pipeline.model import build_backbone, build_model
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_path, read_json, write_json
from pipeline.utils.progress import Track, no_progress
from pipeline.utils.weight_files import VGGISH, Weights, load_weights, sha256_of

FOLDER = Path("weights")
RECORD = "sha256.json"  # in the folder: the hashes seen at the first fetch, for files published without one
CHUNK = 1 << 20  # bytes
_HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")  # in the name of a file, as torch and timm publish it


_TORCH = "https://download.pytorch.org/models/"
_PVT = "https://github.com/whai362/PVT/releases/download/v2/"
_PUBLISHED = (
    ("resnet18", _TORCH, "resnet18-f37072fd.pth", "f37072fd", "ResNet-18, ImageNet V1 (torchvision)"),
    ("resnet50", _TORCH, "resnet50-0676ba61.pth", "0676ba61", "ResNet-50, ImageNet V1 (torchvision)"),
    ("pvt_v2_b5", _PVT, "pvt_v2_b5.pth", "", "PVT-v2-b5, ImageNet (its authors)"),
)
WEIGHTS = {
    **{
        name: Weights(name, file, place + file, sha256, what)
        for name, place, file, sha256, what in _PUBLISHED
    },
    VGGISH.name: VGGISH,
}


def find_weights(name: str) -> Weights:
    """The weights called `name`: one of `WEIGHTS`, or what timm publishes for its model of that name.

    Of timm's two places a file whose name carries its hash is preferred.

    Raises:
        PipelineError: there are none of that name.
    """
    if name in WEIGHTS:
        return WEIGHTS[name]
    import timm  # here, since it takes seconds
    from huggingface_hub import hf_hub_url

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # a tag that the model does not have
        config = None
    if config is None or not (config.url or config.hf_hub_id):
        raise PipelineError(
            f"weights: {name}: not known; choose from {', '.join(WEIGHTS)}, "
            "or name a timm model for which timm publishes weights."
        )
    full_name = f"{config.architecture}.{config.tag}" if config.tag else config.architecture
    what = f"{full_name} (timm)"
    url = config.url if isinstance(config.url, str) else ""
    if found := _HASH.search(url):
        return Weights(name, PurePosixPath(url).name, url, found[1], what)
    if config.hf_hub_id:
        url = hf_hub_url(config.hf_hub_id, config.hf_hub_filename or "model.safetensors")
    return Weights(name, f"{full_name}{PurePosixPath(url).suffix}", url, "", what)


def fetch(
    weights: Weights, folder: Path = FOLDER, source: Path | None = None, track: Track = no_progress
) -> Path:
    """Download a file of weights into a folder and check its hash; one that is there already is only checked.

    Args:
        weights: the file.
        folder: where to put it.
        source: a folder to copy the file from, instead of its address.
        track: shows the progress.

    Returns:
        Its path.

    Raises:
        PipelineError: it cannot be read, or is not the published file; nothing is left behind then.
    """
    target = folder / weights.file
    if target.exists():
        return check(weights, folder)
    origin = weights.url if source is None else source / weights.file

    @contextmanager
    def reading() -> Iterator[None]:  # not around writing: a full disk is not the source's fault
        try:
            yield
        except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
            raise PipelineError(
                f"{origin}: cannot be read ({error}). Try again, or {_elsewhere(weights, folder)}."
            ) from error

    with reading():
        stream: BinaryIO = (
            origin.open("rb") if isinstance(origin, Path) else urllib.request.urlopen(origin, timeout=60)
        )

    def read() -> bytes:
        with reading():
            return stream.read(CHUNK)

    with stream, atomic_path(target) as temporary:
        with temporary.open("wb") as out:
            length = int(getattr(stream, "headers", {}).get("Content-Length") or 0)
            written = 0
            for block in track(iter(read, b""), -(-length // CHUNK), f"{weights.file} (MiB)"):
                written += out.write(block)
        with reading():
            if written < length:  # a connection that ends early looks like the end of the file
                raise OSError(f"it ended after {written:,} of {length:,} bytes")
        found = _judge(weights, temporary, folder, shown=str(origin))
    if not weights.sha256:
        write_json(folder / RECORD, {**_record(folder), weights.file: found})
    return target


def check(weights: Weights, folder: Path = FOLDER) -> Path:
    """The path of a file of weights, after checking that it is there and complete.

    Raises:
        PipelineError: which file is missing or broken, where it is published and where to put it.
    """
    path = folder / weights.file
    if not path.is_file():
        raise PipelineError(f"{path}: is missing ({weights.what}). {_advice(weights, folder)}")
    _judge(weights, path, folder, shown=str(path))
    return path


def initial_weights(
    model: Model, folder: Path = FOLDER, network: str = "segmenter"
) -> dict[str, Tensor] | None:
    """A network's initial weights: the checkpoint `model.initial`, or else ImageNet weights for its encoder.

    Args:
        model: section `model` of params.yaml.
        folder: where the ImageNet weights are.
        network: which network; it decides what it takes of a checkpoint (`AVSModel.initial_state`).

    Returns:
        A state dict; None without a checkpoint where `model.pretrained` is off.

    Raises:
        PipelineError: the file is missing, broken, or of another network.
    """
    if model.initial:
        return _checkpoint(Path(model.initial), model, network)
    if not model.pretrained:
        return None
    path = check(find_weights(model.backbone), folder)
    try:
        encoder = build_backbone(model.backbone)
    except ValueError as error:
        raise PipelineError(f"model.backbone: {error}") from error
    try:
        encoder.load_imagenet(read_state(path))
    except RuntimeError as error:
        raise PipelineError(f"{path}: is not a {model.backbone}: {' '.join(str(error).split())}") from error
    return {f"encoder.{key}": value for key, value in encoder.state_dict().items()}


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict; tensors alone are unpickled, never code.

    Raises:
        PipelineError: names the file.
    """
    return _state(path, load_weights(path))


def _checkpoint(path: Path, model: Model, network: str) -> dict[str, Tensor]:
    """A network's weights from a checkpoint of this project (best.pt, last.pt) or of the published code."""
    content = load_weights(path)
    ours = isinstance(content, dict) and "model" in content and "config" in content
    state = _state(path, content["model"] if ours else unwrap(content))
    try:
        state = state if ours else published_segmenter(state).state_dict()
    except ValueError as error:
        raise PipelineError(f"{path}: {error}") from error
    gate = any(name.startswith("sound_gate.") for name in state)  # either side may lack one
    wanted = build_model(network, model.model_copy(update={"sound_gate": gate}))
    state = wanted.initial_state(state)
    if problems := misfits(wanted.initial_state(wanted.state_dict()), state):
        settings = ", ".join(f"{key} {getattr(model, key)}" for key in sorted(wanted.SETTINGS))
        raise PipelineError(
            f"{path}: does not fit the {network} with {settings}: it {problems}. "
            "Set model.* to what it was trained with."
        )
    return state


def _state(path: Path, content: Any) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise PipelineError(f"{path}: holds no state dict (a mapping of names to tensors).")
    return content


def _judge(weights: Weights, path: Path, folder: Path, shown: str) -> str:
    """A file's SHA-256, after comparing it with the published one, or else with the one seen at its fetch."""
    found = sha256_of(path)
    expected = weights.sha256 or _record(folder).get(weights.file, found)
    if not found.startswith(expected):
        raise PipelineError(
            f"{shown}: is not the published file: its SHA-256 begins {found[:16]}, expected {expected[:16]}. "
            f"It may be cut short; remove it and fetch it again. {_advice(weights, folder)}"
        )
    return found


def _record(folder: Path) -> dict[str, str]:
    return read_json(folder / RECORD) if (folder / RECORD).exists() else {}


def _advice(weights: Weights, folder: Path) -> str:
    return f"Run `avs weights fetch {weights.name}`, or {_elsewhere(weights, folder)}."


def _elsewhere(weights: Weights, folder: Path) -> str:
    return (
        f"on a machine without a network fetch {weights.url} elsewhere and put it at {folder / weights.file}"
    )
