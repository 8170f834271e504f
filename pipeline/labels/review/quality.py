"""Label quality: progress, time, problems, agreement, class balance, box sizes, outcomes of proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.catalog import clips_by_name
from pipeline.data.clip import FRAMES
from pipeline.labels.review.agreement import Agreement, agreement
from pipeline.labels.voc.label_paths import Frame, locate
from pipeline.labels.voc.mask_boxes import relative_edges
from pipeline.labels.voc.rules import KINDS
from pipeline.labels.voc.table import LabelFolder

OUTCOMES = ("kept", "moved", "thrown away")
SIZES = (0.0, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)  # share of the image's area


@dataclass(frozen=True)
class Case:
    """One problem, with what is needed to look at it.

    Attributes:
        boxes: all of the file's: left, top, right, bottom as fractions of the sides.
        task: Label Studio's project and task.
    """

    file: str
    level: str
    kind: str
    detail: str
    frame: Frame | None
    boxes: list[tuple[float, float, float, float]]
    task: tuple[int, int] | None


@dataclass(frozen=True)
class Quality:
    """The whole report.

    Attributes:
        progress: category, frames, labelled, boxes, empty, skipped, share.
        people: annotator, frames, seconds (median), kept, moved, thrown away.
        kinds: kind, level, meaning, count.
        sizes: category, count and the share of boxes in each range of `SIZES`.
    """

    progress: pd.DataFrame
    people: pd.DataFrame
    kinds: pd.DataFrame
    sizes: pd.DataFrame
    cases: list[Case]
    agreement: Agreement
    outcomes: dict[str, int]
    seconds: float | None  # median of a frame
    balance: float | None  # boxes of the largest category / of the smallest
    usable: int
    errors: int
    warnings: int

    @property
    def fit(self) -> bool:
        """Fit to train on: there are boxes, and no error."""
        return self.usable > 0 and self.errors == 0


def assess(
    catalog: pd.DataFrame,
    labels: LabelFolder,
    usable: pd.DataFrame,
    problems: pd.DataFrame,
    lines: Sequence[dict[str, Any]],
) -> Quality:
    """The report on a label folder.

    Args:
        catalog: the clip catalogue.
        labels: what was read.
        usable: boxes that passed the rules.
        problems: file, level, kind, detail.
        lines: all annotations; see `annotations.distinct`.
    """
    chosen = [line for line in lines if line["chosen"]]
    errors = int((problems["level"] == "error").sum())
    times = [float(line["lead_time"]) for line in lines if _timed(line)]
    counts = usable.groupby("category").size()
    return Quality(
        progress=_progress(catalog, labels, usable, lines),
        people=_people(labels, lines),
        kinds=_kinds(problems),
        sizes=_sizes(usable),
        cases=_cases(catalog, labels, problems, chosen),
        agreement=agreement(lines),
        outcomes={one: sum(line.get("proposal") == one for line in chosen) for one in OUTCOMES},
        seconds=float(np.median(times)) if times else None,
        balance=float(counts.max() / counts.min()) if len(counts) else None,
        usable=len(usable),
        errors=errors,
        warnings=len(problems) - errors,
    )


def _progress(
    catalog: pd.DataFrame, labels: LabelFolder, usable: pd.DataFrame, lines: Sequence[dict[str, Any]]
) -> pd.DataFrame:
    train = catalog[catalog["split"] == "train"]
    category = dict(zip(train["name"], train["category"], strict=True))
    states: dict[tuple[str, int], set[str]] = {}
    for line in lines:
        states.setdefault((line["name"], line["frame"]), set()).add(line["state"])
    skipped = pd.Series(
        [category[name] for (name, _), found in states.items() if found == {"skipped"} and name in category],
        dtype=object,
    )
    table = pd.DataFrame({"frames": train.groupby("category").size() * FRAMES})
    table["labelled"] = labels.files.groupby("category").size()
    table["boxes"] = (
        usable.merge(train[["name", "category"]], on="name", suffixes=("_box", "")).groupby("category").size()
    )
    table["empty"] = labels.files[labels.files["boxes"] == 0].groupby("category").size()
    table["skipped"] = skipped.value_counts()
    table = table.fillna(0).astype(int)
    table["share"] = table["labelled"] / table["frames"]
    return table.rename_axis("category").reset_index()


def _people(labels: LabelFolder, lines: Sequence[dict[str, Any]]) -> pd.DataFrame:
    names = sorted({str(line["annotator"]) for line in lines} | set(labels.files["annotator"]))
    rows = []
    for name in names:
        own = [line for line in lines if line["annotator"] == name and line["state"] != "skipped"]
        times = [float(line["lead_time"]) for line in own if _timed(line)]
        frames = len(own) or int((labels.files["annotator"] == name).sum())
        kept = [sum(line.get("proposal") == one for line in own) for one in OUTCOMES]
        rows.append([name or "(unknown)", frames, float(np.median(times)) if times else None, *kept])
    return pd.DataFrame(rows, columns=["annotator", "frames", "seconds", *OUTCOMES])


def _kinds(problems: pd.DataFrame) -> pd.DataFrame:
    counts = problems["kind"].value_counts()
    rows = [
        (kind, level, meaning, int(counts[kind]))
        for kind, (level, meaning) in KINDS.items()
        if kind in counts
    ]
    return pd.DataFrame(rows, columns=["kind", "level", "meaning", "count"])


def _sizes(usable: pd.DataFrame) -> pd.DataFrame:
    area = (usable.xmax - usable.xmin + 1) * (usable.ymax - usable.ymin + 1) / (usable.width * usable.height)
    rows = []
    for category, shares in area.astype(float).groupby(usable["category"]):
        histogram, _ = np.histogram(shares, bins=SIZES)
        rows.append([category, len(shares), float(shares.median()), *(histogram / len(shares)).tolist()])
    ranges = [f"{low:.0%} to {high:.0%}" for low, high in pairwise(SIZES)]
    return pd.DataFrame(rows, columns=["category", "boxes", "median", *ranges])


def _cases(
    catalog: pd.DataFrame, labels: LabelFolder, problems: pd.DataFrame, chosen: Sequence[dict[str, Any]]
) -> list[Case]:
    """All problems except frames without a label; errors first, then in the order of the rules."""
    clips = clips_by_name(catalog)
    tasks = {(line["name"], line["frame"]): (line.get("project"), line.get("task")) for line in chosen}
    boxes: dict[str, list[tuple[float, float, float, float]]] = {}
    for file, sides in zip(
        labels.boxes["source"], relative_edges(labels.boxes).clip(0, 1).tolist(), strict=True
    ):
        if not np.isnan(sides).any():  # the image's size is known
            boxes.setdefault(file, []).append(tuple(sides))
    order = {kind: number for number, kind in enumerate(KINDS)}
    listed = problems[problems["kind"] != "missing"]
    cases = []
    for file, level, kind, detail in listed.to_numpy(object).tolist():
        found = locate(file, clips)
        frame = found if isinstance(found, Frame) else None
        project, number = tasks.get((frame.name, frame.number), (None, None)) if frame else (None, None)
        task = (project, number) if isinstance(project, int) and isinstance(number, int) else None
        cases.append(Case(file, level, kind, detail, frame, boxes.get(file, []), task))
    return sorted(cases, key=lambda case: (case.level != "error", order[case.kind], case.file))


def _timed(line: dict[str, Any]) -> bool:
    time = line.get("lead_time")
    return isinstance(time, int | float) and not isinstance(time, bool) and 0 < time < 86_400
