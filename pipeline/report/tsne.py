"""t-SNE of the crop features at the kept epochs, on common axes, with measures of collapse and retrieval."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline.report.collapse import Retrieval, Spread, retrieval, silhouette, spread
from pipeline.report.compare import by_variant
from pipeline.report.figures import MARKERS, PALETTE, inline_svg, new_axes
from pipeline.report.inputs import Features, Run, read_features

MIN_CROPS = 5  # with fewer, a map of neighbourhoods means nothing
MAX_POINTS = 1000  # drawn; more hide each other


@dataclass(frozen=True)
class Panel:
    """One variant and epoch: the picture (None for too few crops) and measures over all crops.

    `spread` is that of the encoder's features; `crop_spread` and `sound_spread` those of the embeddings that
    a crop loss compares, None for a variant without one.
    """

    variant: str
    seed: int
    epoch: int
    crops: int
    svg: Markup | None
    silhouette: float | None
    spread: Spread | None
    crop_spread: Spread | None
    sound_spread: Spread | None
    retrieval: dict[str, Retrieval]


def embed(features: NDArray[np.float32], seed: int) -> NDArray[np.float64] | None:
    """t-SNE to the plane: (n, d) -> (n, 2) centred on 0, or None where n < 5.

    Perplexity is 30, or (n - 1) / 3 where that is less. Source: van der Maaten & Hinton 2008.
    """
    n = len(features)
    if n < MIN_CROPS:
        return None
    from sklearn.manifold import TSNE

    scale = float(np.abs(features).max()) or 1.0
    values = np.asarray(features, np.float64) / scale
    if not values.std(axis=0).any():  # collapsed: every point is the same point
        return np.zeros((n, 2))
    start = "pca" if min(values.shape) >= 2 else "random"
    points = TSNE(perplexity=min(30.0, (n - 1) / 3), init=start, random_state=seed).fit_transform(values)
    return points - (points.max(axis=0) + points.min(axis=0)) / 2


def _embed_all(features: Sequence[NDArray[np.float32]], seed: int) -> list[NDArray[np.float64] | None]:
    """`embed` of each in parallel, one core a map, linear algebra on one thread each."""
    from sklearn import manifold  # noqa: F401  - threadpool_limits axis_limites only what is loaded

    with threadpool_limits(limits=1), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda values: embed(values, seed), features))


def category_markers(categories: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each category, the same in every picture; 24 pairs, then they repeat."""
    return {
        category: (PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)])
        for place, category in enumerate(sorted(set(categories)))
    }


def draw_panels(runs: Sequence[Run], *, seed: int) -> tuple[list[Panel], dict[str, tuple[str, str]]]:
    """Panels of each variant's first seed that has features, by epoch, and the categories' markers."""
    measured, drawn = [], []
    for group in by_variant(runs).values():
        run = next((run for run in group if run.features), group[0])
        for epoch, path in run.features.items():
            features = read_features(path)  # one at a time: of all crops, only what is drawn is kept
            rows = _thin(features)
            drawn.append((features.values[rows], features.category[rows]))
            measured.append(_measure(run.variant, run.seed, epoch, features))
    markers = category_markers([category for _, categories in drawn for category in categories])
    maps = _embed_all([values for values, _ in drawn], seed)
    axis_limit = (
        max((float(np.abs(points).max()) for points in maps if points is not None), default=0.0) * 1.06 or 1.0
    )
    panels = []
    for panel, (_, categories), points in zip(measured, drawn, maps, strict=True):
        label = f"t-SNE of crop features, {panel.variant}-{panel.seed}, epoch {panel.epoch}"
        picture = None if points is None else _draw(points, categories, markers, axis_limit, label)
        panels.append(replace(panel, svg=picture))
    return panels, markers


def _measure(variant: str, seed: int, epoch: int, features: Features) -> Panel:
    """A panel whose picture is still to be drawn."""
    return Panel(
        variant=variant,
        seed=seed,
        epoch=epoch,
        crops=len(features.values),
        svg=None,
        silhouette=silhouette(features.values, features.category),
        spread=_spread(features.values),
        crop_spread=_spread(features.crop_embedding),
        sound_spread=_spread(features.audio_embedding),
        retrieval=_retrievals(features),
    )


def _spread(values: NDArray[np.float32] | None) -> Spread | None:
    return None if values is None or len(values) < 2 else spread(values)


def _thin(features: Features) -> NDArray[np.int64]:
    """At most `MAX_POINTS` rows, evenly spread over the clips' order: the same rows for every variant."""
    n = len(features.values)
    return np.arange(n) if n <= MAX_POINTS else np.linspace(0, n - 1, MAX_POINTS).round().astype(np.int64)


def _draw(
    points: NDArray[np.float64],
    categories: NDArray[np.str_],
    markers: dict[str, tuple[str, str]],
    axis_limit: float,
    label: str,
) -> Markup:
    figure, axes = new_axes(3.4, 3.4)
    for category in sorted(set(categories)):
        colour, marker = markers[category]
        chosen = points[categories == category]
        axes.plot(
            chosen[:, 0], chosen[:, 1], marker, color=colour, alpha=0.75, markersize=3.6, markeredgewidth=0
        )
    axes.set(
        xlim=(-axis_limit, axis_limit), ylim=(-axis_limit, axis_limit), xticks=[], yticks=[], aspect="equal"
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    return inline_svg(figure, label)


def _retrievals(features: Features) -> dict[str, Retrieval]:
    """Crop to sound and back: among all clips, and, where clips have categories, within and across them."""
    embedding, clip, category = features.audio_embedding, features.audio_clip, features.audio_category
    if features.crop_embedding is None or embedding is None or clip is None or category is None:
        return {}
    crops, sounds = (features.crop_embedding, features.clip, features.category), (embedding, clip, category)
    scopes: dict[str, bool | None] = {"all clips": None}
    if category.astype(bool).any():
        scopes |= {"same category": True, "other categories": False}
    found = {}
    for name, (query, answer) in {"crop to sound": (crops, sounds), "sound to crop": (sounds, crops)}.items():
        for scope, within in scopes.items():
            result = retrieval(
                query[0],
                query[1],
                answer[0],
                answer[1],
                query_categories=query[2],
                candidate_categories=answer[2],
                within=within,
            )
            if result is not None:
                found[f"{name}, {scope}"] = result
    return found
