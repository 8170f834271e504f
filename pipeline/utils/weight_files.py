"""Files of pretrained weights: reading them safely, and where the published VGGish comes from."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipeline.utils.errors import PipelineError


@dataclass(frozen=True)
class Weights:
    """A published file of weights.

    Attributes:
        file: its name in the folder of weights.
        url: where it is published.
        sha256: the first hex digits of its SHA-256 as published; "" if it is published without.
        what: describes it to people.
    """

    file: str
    url: str
    sha256: str
    what: str


VGGISH = Weights(
    "vggish-10086976.pth",
    "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
    "10086976",
    "VGGish, AudioSet",
)


def load_weights(path: Path) -> Any:
    """Read what `torch.save` wrote: tensors and plain values only, never code.

    Args:
        path: the file.

    Returns:
        Its content, on the CPU.

    Raises:
        PipelineError: the file is missing, or holds something else; names it.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file.") from None
    except pickle.UnpicklingError as error:  # torch advises to run whatever the file holds: not passed on
        raise PipelineError(
            f"{path}: is not a file of weights that torch can read (no tensors and plain values alone)."
        ) from error
    except Exception as error:  # torch raises a dozen kinds for a file that is none
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PipelineError(f"{path}: is not a file of weights that torch can read ({first}).") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
