"""Pictures of test clips: the frames and the truth once, then each variant's masks below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.report.compare import by_variant
from pipeline.report.figures import data_uri
from pipeline.report.inputs import Run
from pipeline.report.tables import CONDITIONS

SHARED = {"image": "frames", "truth": "truth"}
KINDS = (*SHARED, "predicted", *CONDITIONS)


@dataclass(frozen=True)
class Strip:
    label: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class ClipPictures:
    clip: str
    strips: tuple[Strip, ...]


def clip_and_kind(path: Path) -> tuple[str, str]:
    """`{clip}.{kind}.png` -> clip and kind; any other name is a picture of the clip so called."""
    clip, _, kind = path.stem.rpartition(".")
    return (clip, kind) if clip and kind in KINDS else (path.stem, "picture")


def clip_pictures(runs: Sequence[Run]) -> list[ClipPictures]:
    """One entry a clip, by name, from the first seed of each variant that left pictures.

    Kinds: `image` and `truth` (shown once), `predicted`, or a condition of the listening test.
    """
    rows: dict[str, dict[tuple[int, int, str], tuple[str, Path]]] = {}
    for place, group in enumerate(by_variant(runs).values()):
        run = next((run for run in group if run.pictures), None)
        if run is None:
            continue
        for path in run.pictures:
            clip, kind = clip_and_kind(path)
            rank = KINDS.index(kind) if kind in KINDS else len(KINDS)
            if kind in SHARED:
                rows.setdefault(clip, {}).setdefault((-1, rank, kind), (SHARED[kind], path))
            else:
                label = (
                    run.variant if kind in ("predicted", "picture") else f"{run.variant}, {CONDITIONS[kind]}"
                )
                rows.setdefault(clip, {})[(place, rank, kind)] = (label, path)
    return [
        ClipPictures(
            clip, tuple(Strip(label, *data_uri(path)) for _, (label, path) in sorted(strips.items()))
        )
        for clip, strips in sorted(rows.items())
    ]
