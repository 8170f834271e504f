"""Renamed and removed keys of params.yaml, so that an old file gets an error that names the new key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNHELPFUL = "was removed: in every trial it slowed learning and improved nothing"
RENAMED: dict[str, str] = {
    "loss.outlines": "is now loss.pseudo_masks",
    "loss.negative_share": "is now train.negatives.share",
    "loss.pasted_share": "is now train.negatives.copy_paste",
    "loss.box": _UNHELPFUL,
    "loss.contrastive": _UNHELPFUL,
    "model.tpavi_gate": "is now model.tpavi_bn_gamma",
    "evaluate.tsne_epochs": "is now train.keep_epochs ([]: the middle and the last epoch)",
}


def renamed_keys(values: Mapping[str, Any]) -> dict[str, str]:
    """The old keys in a mapping as read from params.yaml, each with what became of it."""
    found = {}
    for key, news in RENAMED.items():
        section, name = key.split(".")
        if isinstance(part := values.get(section), Mapping) and name in part:
            found[key] = news
    return found
