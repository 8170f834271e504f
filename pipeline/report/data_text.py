"""What is said of the data: those of this run, how their sound was heard, and those of another world."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.report.text import LISTENS, MATTERS, counted
from pipeline.report.transfer import TransferRow

SOURCES = {"demo": "the demo world made here", "s4": "AVSBench S4", "ms3": "AVSBench MS3"}


def data_sentence(params: Mapping[str, Any], catalog: pd.DataFrame | None) -> str:
    """On what data: source, clips by split, categories, and for the demo what is in view."""
    source = params.get("data", {}).get("source", "")
    said = SOURCES.get(source, source or "data not stated")
    if catalog is not None:
        count = catalog["split"].value_counts()
        splits = " / ".join(f"{int(count.get(split, 0)):,}" for split in ("train", "val", "test"))
        said += f": {counted(len(catalog), 'clip')} ({splits} for training, validation and test)"
        categories = catalog["category"].replace("", None).nunique()
        if categories:
            said += f" of {counted(categories, 'category')}"
    demo = params.get("demo", {})
    if source == "demo" and demo.get("setting") == "ms3":
        said += f"; {_ms3_scene(demo)}"
    elif source == "demo" and "silent_objects" in demo:
        said += (
            "; two objects are in view, one sounds"
            if demo["silent_objects"]
            else "; the sounding object is alone in view"
        )
    return said


def _ms3_scene(demo: Mapping[str, Any]) -> str:
    if demo.get("silent_objects", 1):
        return "one or two of the objects in view sound"
    return "one or two objects are in view, and all of them sound"


def audio_sentence(info: Mapping[str, Any] | None) -> str:
    """Which VGGish weights made the audio features."""
    if info is None:
        return "Not stated: the audio stage left no info.json."
    weights = str(info.get("weights", "not stated"))
    if weights == "seeded":
        seed = info.get("seed", 0)
        said = f"Seeded initialisation: VGGish with random weights (seed {seed}), not the published ones."
    else:
        said = f"VGGish weights from {weights}."
        if info.get("sha256"):
            said += f" SHA-256 {info['sha256']}."
    if info.get("standardised"):
        said += " Features were standardised on the train split."
    return said


def transfer_sentence(row: TransferRow, params: Mapping[str, Any], crowded: bool) -> str:
    """What a variant trained in this world does in the other one; nobody knows what real data show."""
    trained, demo = "on this data", params.get("demo", {})
    if params.get("data", {}).get("source") == "demo":
        if demo.get("setting") == "ms3":
            trained = f"where {_ms3_scene(demo)}"
        elif demo.get("silent_objects", 1):
            trained = "with two objects in view"
        else:
            trained = "with the sounding object alone in view"
    # data that names no silent object may show one all the same
    tested = "with a second, silent object beside it" if crowded else "on other data"
    said = f"{row.variant}, trained {trained} and tested {tested}: M_J"
    if row.swapped_miou is None:
        return f"{said} {row.miou.mean:.3f} with the true sound."
    true, swapped = row.miou_where_swapped.mean, row.swapped_miou.mean
    said += f" {true:.3f} with the true sound, {swapped:.3f} with another clip's"
    if not math.isclose(true, row.miou.mean):
        said += " (over the clips that have one)"
    if row.swap_passed is not None:
        said += f", and on {100 * row.swap_passed.mean:.0f} % of the clips the mask moves with the sound"
    if true <= 0:
        return said + "."
    ratio = true / swapped if swapped > 0 else math.inf
    found = (
        ("it follows the sound" if ratio >= LISTENS else "the sound matters somewhat")
        if ratio >= MATTERS
        else "it hardly follows the sound"
    )
    return f"{said}: {found}."
