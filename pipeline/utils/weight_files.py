"""Files of pretrained weights: reading them safely, and where the published VGGish comes from."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from pipeline.utils.errors import PipelineError


@dataclass(frozen=True)
class Weights:
    """A published file of weights.

    Attributes:
        name: what `avs weights` calls it; of an encoder, `model.backbone`.
        file: its name in the folder of weights.
        url: where it is published.
        sha256: the first hex digits of its SHA-256 as published; "" if it is published without.
        what: describes it to people.
    """

    name: str
    file: str
    url: str
    sha256: str
    what: str


VGGISH = Weights(
    "vggish",
    "vggish-10086976.pth",
    "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
    "10086976",
    "VGGish, AudioSet",
)


def load_weights(path: Path) -> Any:
    """Read what `torch.save` or safetensors wrote: tensors and plain values only, never code.

    Args:
        path: the file.

    Returns:
        Its content, on the CPU.

    Raises:
        PipelineError: the file is missing, or holds something else; names it.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file.") from None
    except pickle.UnpicklingError as error:  # torch's message advises running whatever the file holds
        raise PipelineError(
            f"{path}: is not a file of weights that torch can read (only tensors and plain values are read)."
        ) from error
    except Exception as error:  # torch raises a dozen kinds of error for other files
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PipelineError(f"{path}: is not a file of weights that torch can read ({first}).") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
