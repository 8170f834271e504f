"""Inter-annotator agreement, over frames that several people drew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pipeline.labels.studio.coerce import instant
from pipeline.labels.voc.mask_boxes import edges, iou

MATCH = 0.5  # IoU from which two boxes are the same
NOTHING = ""  # the class of a frame in which no box was drawn


@dataclass(frozen=True)
class Agreement:
    """Over pairs of annotations of one frame by two people; None where there is nothing to compare.

    Attributes:
        pairs: how many.
        f1: 2 matches / boxes of both, one to one, IoU >= `MATCH`.
        iou: mean of the matched boxes.
        kappa: Cohen's, on the class of the frame (of the largest box, or none).
    """

    pairs: int
    f1: float | None
    iou: float | None
    kappa: float | None


def agreement(lines: Sequence[dict[str, Any]]) -> Agreement:
    """Agreement of annotations (see `annotations.distinct`); skipped and unreadable ones do not count."""
    frames: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for line in sorted(lines, key=lambda one: (instant(one.get("updated")), str(one.get("annotation")))):
        if line["state"] in ("boxed", "empty"):
            frames.setdefault((line["name"], line["frame"]), {})[line["annotator"]] = (
                line  # each one's latest
            )
    pairs = [
        pair
        for people in frames.values()
        for pair in combinations([people[key] for key in sorted(people)], 2)
    ]
    overlaps: list[float] = []
    drawn = 0
    for first, second in pairs:
        overlaps += matches(first["boxes"], second["boxes"])
        drawn += len(first["boxes"]) + len(second["boxes"])
    classes = [(_class(first), _class(second)) for first, second in pairs]
    return Agreement(
        pairs=len(pairs),
        f1=2 * len(overlaps) / drawn if drawn else None,
        iou=float(np.mean(overlaps)) if overlaps else None,
        kappa=cohens_kappa(classes),
    )


def matches(first: list[list[Any]], second: list[list[Any]]) -> list[float]:
    """IoU of the boxes that match one to one, the best first; at least `MATCH`.

    Args:
        first: boxes as [class, xmin, ymin, xmax, ymax].
        second: boxes of the other annotation.
    """
    if not first or not second:
        return []
    a, b = (edges(np.array([box[1:] for box in boxes])) for boxes in (first, second))
    table = iou(a[:, None], b[None])
    found = []
    while table.size and (best := table.max()) >= MATCH:
        row, column = np.unravel_index(table.argmax(), table.shape)
        found.append(float(best))
        table[row], table[:, column] = -1, -1
    return found


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """(observed - chance) / (1 - chance); None without pairs, or where chance alone would always agree.

    Cohen 1960, A coefficient of agreement for nominal scales.
    """
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(a == b for a, b in pairs) / total
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[label] * second[label] for label in first) / total**2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def _class(line: dict[str, Any]) -> str:
    largest = max(
        line["boxes"], key=lambda box: (box[3] - box[1] + 1) * (box[4] - box[2] + 1), default=[NOTHING]
    )
    return largest[0]
