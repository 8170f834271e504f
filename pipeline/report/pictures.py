"""Pictures of test clips: the frames and the truth once, then each variant's masks, also sound by sound."""

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
MAX_CLIPS = 3  # shown under every sound: more would make the page heavy


@dataclass(frozen=True)
class Strip:
    """A labelled picture as a data URI, with its size in pixels."""

    label: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class ClipPictures:
    """One clip: its frames and truth, then a strip for each variant."""

    clip: str
    strips: tuple[Strip, ...]


def clip_and_kind(path: Path) -> tuple[str, str]:
    """`{clip}.{kind}.png` -> clip and kind; any other name is a picture of the clip of that name."""
    clip, _, kind = path.stem.rpartition(".")
    return (clip, kind) if clip and kind in KINDS else (path.stem, "picture")


def clip_pictures(runs: Sequence[Run]) -> list[ClipPictures]:
    """One entry per clip, by name: frames and truth once, then each variant's mask under the true sound."""
    rows: dict[str, dict[tuple[int, int, str], tuple[str, Path]]] = {}
    for place, run in enumerate(_shown(runs)):
        for path in run.pictures:
            clip, kind = clip_and_kind(path)
            if kind in SHARED:
                shared = (-1, KINDS.index(kind), kind)
                rows.setdefault(clip, {}).setdefault(shared, (SHARED[kind], path))
            elif kind not in CONDITIONS:
                rows.setdefault(clip, {})[(place, 0, kind)] = (run.variant, path)
    return [
        ClipPictures(
            clip, tuple(Strip(label, *data_uri(path)) for _, (label, path) in sorted(strips.items()))
        )
        for clip, strips in sorted(rows.items())
    ]


@dataclass(frozen=True)
class ListeningPictures:
    """One clip under every sound: its frames, and for each variant one strip per sound."""

    clip: str
    frames: Strip | None
    variants: tuple[tuple[str, tuple[Strip, ...]], ...]


def listening_pictures(runs: Sequence[Run]) -> list[ListeningPictures]:
    """The first clips, by name, that were pictured under other sounds."""
    chosen = _shown(runs)
    found = {run.variant: {clip_and_kind(path): path for path in run.pictures} for run in chosen}
    clips = {clip for kinds in found.values() for clip, kind in kinds if kind in CONDITIONS}
    grids = []
    for clip in sorted(clips)[:MAX_CLIPS]:
        image = next((kinds[clip, "image"] for kinds in found.values() if (clip, "image") in kinds), None)
        variants = []
        for variant, kinds in found.items():
            order = {"predicted": CONDITIONS["true"], **CONDITIONS}
            strips = [
                _small(label, kinds[clip, kind]) for kind, label in order.items() if (clip, kind) in kinds
            ]
            if len(strips) > 1:
                variants.append((variant, tuple(strips)))
        grids.append(ListeningPictures(clip, _small("frames", image) if image else None, tuple(variants)))
    return grids


def _small(label: str, path: Path) -> Strip:
    return Strip(label, *data_uri(path, width=480, quality=70))


def _shown(runs: Sequence[Run]) -> list[Run]:
    """The first seed of each variant that left pictures."""
    firsts = (next((run for run in group if run.pictures), None) for group in by_variant(runs).values())
    return [run for run in firsts if run is not None]
