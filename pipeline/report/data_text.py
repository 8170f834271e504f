"""Sentences about the data: of this run, of its audio features, and of another data set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.report.text import LISTENS, MATTERS, counted
from pipeline.report.transfer import TransferRow

SOURCES = {"demo": "the demo data set", "s4": "AVSBench S4", "ms3": "AVSBench MS3"}


def data_sentence(params: Mapping[str, Any], catalog: pd.DataFrame | None) -> str:
    """The data of this run: source, clips by split, categories, and for the demo what is in view."""
    source = params.get("data", {}).get("source", "")
    sentence = SOURCES.get(source, source or "unknown data")
    if catalog is not None:
        count = catalog["split"].value_counts()
        splits = " / ".join(f"{int(count.get(split, 0)):,}" for split in ("train", "val", "test"))
        sentence += f": {counted(len(catalog), 'clip')} ({splits} for training, validation and test)"
        categories = catalog["category"].replace("", None).nunique()
        if categories:
            sentence += f" of {counted(categories, 'category')}"
    demo = params.get("demo", {})
    if source == "demo" and demo.get("setting") == "ms3":
        sentence += f"; {_ms3_scene(demo)}"
    elif source == "demo" and "silent_objects" in demo:
        sentence += (
            "; two objects are in view, one sounds"
            if demo["silent_objects"]
            else "; only the sounding object is in view"
        )
    return sentence


def _ms3_scene(demo: Mapping[str, Any]) -> str:
    if demo.get("silent_objects", 1):
        return "one or two of the objects in view sound"
    return "one or two objects are in view, and all of them sound"


def audio_sentence(info: Mapping[str, Any] | None) -> str:
    """VGGish weights that made the audio features."""
    if info is None:
        return "Unknown: the audio stage left no info.json."
    weights = str(info.get("weights", "an unknown source"))
    if weights == "seeded":
        seed = info.get("seed", 0)
        sentence = f"Seeded initialisation: VGGish with random weights (seed {seed}), not the published ones."
    else:
        sentence = f"VGGish weights from {weights}."
        if info.get("sha256"):
            sentence += f" SHA-256 {info['sha256']}."
    if info.get("standardised"):
        sentence += " Features were standardised on the train split."
    return sentence


def transfer_sentence(row: TransferRow, params: Mapping[str, Any], two_source: bool) -> str:
    """How a variant trained on this data does on the other data set; real data may differ."""
    trained, demo = "on this data", params.get("demo", {})
    if params.get("data", {}).get("source") == "demo":
        if demo.get("setting") == "ms3":
            trained = f"where {_ms3_scene(demo)}"
        elif demo.get("silent_objects", 1):
            trained = "with two objects in view"
        else:
            trained = "with only the sounding object in view"
    # data without a named silent object may still show one
    tested = "with a second, silent object next to it" if two_source else "on other data"
    sentence = f"{row.variant}, trained {trained} and tested {tested}: M_J"
    if row.swapped_miou is None:
        return f"{sentence} {row.miou.mean:.3f} with the true sound."
    true, swapped = row.miou_where_swapped.mean, row.swapped_miou.mean
    sentence += f" {true:.3f} with the true sound, {swapped:.3f} with another clip's"
    if not math.isclose(true, row.miou.mean):
        sentence += " (over the clips that have one)"
    if row.swap_passed is not None:
        sentence += f", and on {100 * row.swap_passed.mean:.0f} % of the clips the mask moves with the sound"
    if true <= 0:
        return sentence + "."
    ratio = true / swapped if swapped > 0 else math.inf
    found = (
        ("it follows the sound" if ratio >= LISTENS else "the sound matters somewhat")
        if ratio >= MATTERS
        else "it hardly follows the sound"
    )
    return f"{sentence}: {found}."
