"""Checkpoints of the published AVSBench code (Zhou et al., ECCV 2022), translated for `Segmenter`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pipeline.model import Segmenter

# Published name -> ours; None: the published forward never uses it. The first rule that matches decides.
_RULES: list[tuple[str, str | None]] = [
    (r"resnet\.layer[34]_2\..*", None),  # a second branch, left over from another project
    (r"resnet\.layer([34])_1\.(.*)", r"encoder.layer\1.\2"),
    (r"resnet\.(.*)", r"encoder.\1"),
    (r"encoder_backbone\.head\..*", None),
    (r"encoder_backbone\.patch_embed1\.(.*)", r"encoder.patch_embed.\1"),
    (r"encoder_backbone\.patch_embed(\d)\.(.*)", r"encoder.stages.<\1>.downsample.\2"),
    (r"encoder_backbone\.block(\d)\.(.*)", r"encoder.stages.<\1>.blocks.\2"),
    (r"encoder_backbone\.norm(\d)\.(.*)", r"encoder.stages.<\1>.norm.\2"),
    (r"conv(\d)\.conv2d_list\.(.*)", r"reductions.<\1>.branches.\2"),
    (r"tpavi_b(\d)\.align_channel\.(.*)", r"tpavi.\1.align.\2"),
    (r"tpavi_b(\d)\.norm_layer\.(.*)", r"tpavi.\1.norm.\2"),
    (r"tpavi_b(\d)\.W_z\.0\.(.*)", r"tpavi.\1.mu.\2"),
    (r"tpavi_b(\d)\.W_z\.1\.(.*)", r"tpavi.\1.bn.\2"),
    (r"tpavi_b(\d)\.(theta|phi|g)\.(.*)", r"tpavi.\1.\2.\3"),
    (r"path4\.resConfUnit1\..*", None),  # the coarsest level has nothing above it to add to
    (r"path(\d)\.resConfUnit1\.(.*)", r"decoder.fusions.<\1>.lateral.\2"),
    (r"path(\d)\.resConfUnit2\.(.*)", r"decoder.fusions.<\1>.refine.\2"),
    (r"output_conv\.(.*)", r"decoder.head.\1"),
]


_DEPTH = 3  # of such mappings in one another; a file may hold a mapping that holds itself
# what holds the weights in a training checkpoint; Lightning and most others say `state_dict`
_HOLDERS = ("state_dict", "model_state_dict", "model")
# put before every name: by DataParallel, by torch.compile, and by the attribute of a LightningModule
_PREFIX = re.compile(r"^(?:(?:module|_orig_mod|model|net)\.)+")


def unwrap(content: Any) -> Any:
    """The state dict in a training checkpoint of other code, by the names that the network itself gave.

    Args:
        content: of the file: a state dict, or a mapping that holds one as `state_dict` (Lightning),
            `model_state_dict` or `model`, next to epochs and optimizers.

    Returns:
        The state dict; `content` itself if it holds none.
    """
    for _ in range(_DEPTH):
        if not isinstance(content, dict):
            return content
        content = next((content[key] for key in _HOLDERS if isinstance(content.get(key), dict)), content)
    return {_PREFIX.sub("", str(name), count=1): value for name, value in content.items()}


def translate(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict, of either backbone, in the names and shapes of `Segmenter`.

    Weights that the published forward never uses are dropped.

    Args:
        state: as `unwrap` returns it.

    Raises:
        ValueError: names keys that the published network does not have.
    """
    ours: dict[str, Tensor] = {}
    unknown = []
    for name, value in state.items():
        matches = [(pattern, to) for pattern, to in _RULES if re.fullmatch(pattern, name)]
        if not matches:
            unknown.append(name)
            continue
        pattern, to = matches[0]
        if to is not None:
            key = re.sub(pattern, to, name).replace("dwconv.dwconv", "dwconv")
            key = re.sub(r"<(\d)>", lambda stage: str(int(stage[1]) - 1), key)  # stages count from 1 there
            # the 1x1x1 convolutions of TPAVI are linear layers here
            ours[key] = value.flatten(1) if value.ndim == 5 else value
    if unknown:
        raise ValueError(f"not a checkpoint of the published AVS code: it holds {_few(unknown)}.")
    return ours


def published_segmenter(state: Mapping[str, Tensor]) -> Segmenter:
    """The `Segmenter` that a published checkpoint describes, with its weights: the masks are the same.

    Backbone, width and TPAVI stages follow from the checkpoint.

    Raises:
        ValueError: weights are missing or there are others, which are named.
    """
    ours = translate(state)
    width = ours.get("reductions.0.branches.0.weight")
    if width is None:
        raise ValueError(
            "not a checkpoint of the published AVS code: it is missing conv1.conv2d_list.0.weight."
        )
    stages = sorted({int(key.split(".")[1]) for key in ours if key.startswith("tpavi.")})
    audio_dim = ours[f"tpavi.{stages[0]}.align.weight"].shape[1] if stages else 128
    backbone = "resnet50" if "encoder.conv1.weight" in ours else "pvt_v2_b5"
    segmenter = Segmenter(backbone, len(width), stages, audio_dim)
    if problems := misfits(segmenter.state_dict(), ours):
        raise ValueError(f"the checkpoint does not fit a published {backbone} network; it {problems}.")
    segmenter.load_state_dict(ours)
    return segmenter


def misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """The differences that keep one state dict from being loaded for another, in words; "" for none."""
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    reshaped = sorted(k for k in expected.keys() & found.keys() if expected[k].shape != found[k].shape)
    problems = [
        f"{what} {_few(keys)}"
        for what, keys in (("is missing", missing), ("also has", extra), ("has in other shapes", reshaped))
        if keys
    ]
    return "; ".join(problems)


def _few(keys: list[str]) -> str:
    return ", ".join(keys[:8]) + (f" and {len(keys) - 8} more" if len(keys) > 8 else "")
