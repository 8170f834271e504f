"""Transfer between data sets: models trained on one, tested on another, as `avs listen --json` wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.tables import Mean, mean_of
from pipeline.utils.errors import PipelineError


@dataclass(frozen=True)
class TransferRow:
    """One variant on the other data set; means over its models."""

    variant: str
    models: int
    miou: Mean
    miou_where_swapped: Mean  # with the true sound, over the clips of `swapped_miou`
    swapped_miou: Mean | None
    silence: Mean | None  # G-mIoU under silence
    swap_passed: Mean | None


def transfer_rows(transfer: Mapping[str, Any] | None) -> list[TransferRow]:
    """One row per variant, in the file's order.

    Raises:
        PipelineError: the file was not written by `avs listen`.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    try:
        for model in (transfer or {"models": {}})["models"].values():
            figures, where_swapped = dict(model["figures"]), model["miou_where_swapped"]
            # None where no clip was given another's sound: then of all clips
            figures["miou_where_swapped"] = figures.get("miou") if where_swapped is None else where_swapped
            groups.setdefault(model["variant"], []).append(figures)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PipelineError(
            f"metrics/transfer.json: was not written by `avs listen --json` ({error!r}); write it again."
        ) from error
    rows = (_row(variant, models) for variant, models in groups.items())
    return [row for row in rows if row is not None]


def _row(variant: str, models: Sequence[Mapping[str, Any]]) -> TransferRow | None:
    means = {
        key: mean_of(model[key] for model in models if key in model)
        for key in ("miou", "miou_where_swapped", "swapped_miou", "g_miou_silence", "swap_passed")
    }
    miou, where_swapped = means["miou"], means["miou_where_swapped"]
    if miou is None or where_swapped is None:
        return None
    return TransferRow(
        variant,
        len(models),
        miou,
        where_swapped,
        means["swapped_miou"],
        means["g_miou_silence"],
        means["swap_passed"],
    )
