"""Transfer: models trained in one world, tested in another, from what `avs listen --json` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.tables import Mean, mean_of
from pipeline.utils.errors import PipelineError


@dataclass(frozen=True)
class TransferRow:
    """One variant in the other world; means over its models."""

    variant: str
    models: int
    miou: Mean
    miou_where_swapped: Mean  # with the true sound, of the clips that `swapped_miou` is of
    swapped_miou: Mean | None
    silence: Mean | None  # G-mIoU under silence
    swap_passed: Mean | None


def transfer_rows(transfer: Mapping[str, Any] | None) -> list[TransferRow]:
    """A row a variant, in the file's order. Raises `PipelineError` where the file is not of `avs listen`."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    try:
        for model in (transfer or {"models": {}})["models"].values():
            figures = model["figures"]
            # none in older files, nor where no clip was given another's sound: then of all clips
            where_swapped = model.get("miou_where_swapped")
            if where_swapped is None:
                where_swapped = figures.get("miou")
            groups.setdefault(model["variant"], []).append({**figures, "miou_where_swapped": where_swapped})
    except (KeyError, TypeError, AttributeError) as error:
        raise PipelineError(
            f"metrics/transfer.json: was not written by `avs listen --json` (lacks {error}); write it anew."
        ) from error
    rows = []
    for variant, models in groups.items():

        def over(key: str, models: list[Mapping[str, Any]] = models) -> Mean | None:
            return mean_of(model[key] for model in models if key in model)

        true, where_swapped = over("miou"), over("miou_where_swapped")
        if true is not None and where_swapped is not None:
            rows.append(
                TransferRow(
                    variant,
                    len(models),
                    true,
                    where_swapped,
                    over("swapped_miou"),
                    over("g_miou_silence"),
                    over("swap_passed"),
                )
            )
    return rows
