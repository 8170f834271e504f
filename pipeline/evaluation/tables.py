"""Tables and flat figures of one evaluation, from its row a clip."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch import Tensor

from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou, null_score
from pipeline.metrics.segmentation import fscore, fscore_batch1, miou

SWAP = "silent_object"  # the sound of the visible object that is silent in the clip


def flat_figures(table: pd.DataFrame, curves: Tensor, listening: pd.DataFrame) -> dict[str, float]:
    """The figures of all clips together, by name, as they stand in metrics/*.json.

    Args:
        table: a row a clip; curves: (n, T, 255) of the same clips; listening: of `listening_table`.
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
    """A row a category: clips, M_J, M_F, and what another's sound does."""
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
    """A row a condition over all clips, and one for each category, with the measures of `pipeline.metrics.listening`.

    A measure that a condition does not have (a G-mIoU of the clip's own sound, shifted) is undefined there.
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
            # of the clips that have this sound, as the other half of the measure
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
                    if condition == SWAP and "swap_passed" in part
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
