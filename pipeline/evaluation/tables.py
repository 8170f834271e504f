"""Tables and flat figures of one evaluation, from its one row per clip."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch import Tensor

from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou, null_score
from pipeline.metrics.segmentation import fscore, fscore_batch1, miou

# the condition of the swap test: the sound of the visible object that is silent in the clip
SWAP_CONDITION = "silent_object"


def flat_figures(table: pd.DataFrame, curves: Tensor, listening: pd.DataFrame) -> dict[str, float]:
    """The figures of all clips together, by name, as in metrics/*.json.

    `swapped_miou` is M_J under another category's sound (`miou_other_category`), the name that users rely on;
    `swap_passed` is another measure, the share of clips that pass the swap test.

    Args:
        table: one row per clip.
        curves: (n, T, 255) F-score curves of the same clips.
        listening: of `listening_table`.

    Returns:
        Figures by name; nothing undefined.
    """
    figures = {
        "miou": miou(torch.from_numpy(table["miou"].to_numpy(copy=True))),
        "miou_macro": float(table.groupby("category")["miou"].mean().mean()),
        "fscore": fscore(curves.flatten(0, 1)),
        "fscore_batch1": fscore_batch1(curves),
    }
    overall = listening[listening["category"] == "all"].set_index("condition")
    for condition, row in overall.iterrows():
        for key in ("miou", "false_positive_area", "null_score", "g_miou", "sensitivity"):
            if condition != "true" and pd.notna(row[key]):
                figures[f"{key}_{condition}"] = float(row[key])
    if "miou_other_category" in figures:
        figures["swapped_miou"] = figures["miou_other_category"]
    if "swap_passed" in table and (share := _mean(table["swap_passed"])) is not None:
        figures["swap_passed"] = share
    return figures


def by_category(table: pd.DataFrame, curves: Tensor) -> pd.DataFrame:
    """One row per category: clips, M_J, M_F, `swapped_miou` and `swap_passed`."""
    rows: list[dict[str, Any]] = []
    for category, part in table.groupby("category"):
        row: dict[str, Any] = {"category": category, "clips": len(part), "miou": part["miou"].mean()}
        row["fscore"] = fscore(curves[part.index.to_numpy(copy=True)].flatten(0, 1))
        for column in ("swapped_miou", "swap_passed"):
            if column in part:
                row[column] = part[column].mean()
        rows.append(row)
    return pd.DataFrame(rows)


def listening_table(table: pd.DataFrame, conditions: list[str]) -> pd.DataFrame:
    """The negative-audio test: one row per condition over all clips, and one for each category.

    A measure that a condition does not have (a G-mIoU of the clip's own sound, shifted) is undefined there.

    Args:
        table: one row per clip, with miou_, area_ and sensitivity_ columns of each condition.
        conditions: in the order of the rows.

    Returns:
        condition, category ("all" or one of them), clips, miou, and the measures of
        `pipeline.metrics.listening`.
    """
    rows: list[dict[str, Any]] = []
    for category, part in [("all", table), *table.groupby("category")]:
        rows.append(
            {
                "condition": "true",
                "category": category,
                "clips": len(part),
                "miou": float(part["miou"].mean()),
            }
        )
        for condition in conditions:
            score, area = _mean(part[f"miou_{condition}"]), _mean(part[f"area_{condition}"])
            if score is None or area is None:
                continue
            negative = condition in NEGATIVE_CONDITIONS
            # over the clips that have this condition, as the negative half of G-mIoU
            own = float(part["miou"][part[f"miou_{condition}"].notna()].mean())
            rows.append(
                {
                    "condition": condition,
                    "category": category,
                    "clips": int(part[f"miou_{condition}"].notna().sum()),
                    "miou": score,
                    "false_positive_area": area if negative else None,
                    "null_score": null_score(area) if negative else None,
                    "g_miou": g_miou(own, score) if negative else None,
                    "sensitivity": _mean(part[f"sensitivity_{condition}"]),
                    "swap_passed": _mean(part["swap_passed"])
                    if condition == SWAP_CONDITION and "swap_passed" in part
                    else None,
                }
            )
    return pd.DataFrame(rows)


def listening_json(listening: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """`Evaluation.listening` as {category or "all": {condition: {measure: value}}}, nothing undefined."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in listening.to_dict("records"):
        condition, category = str(row.pop("condition")), str(row.pop("category"))
        found.setdefault(category, {})[condition] = {
            str(key): value for key, value in row.items() if pd.notna(value)
        }
    return found


def _mean(values: pd.Series) -> float | None:
    known = values.dropna()
    return float(known.mean()) if len(known) else None
