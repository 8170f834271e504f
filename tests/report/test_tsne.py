"""t-SNE: seeded, adapted to few crops, on common axes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.report.inputs import Features, Run
from pipeline.report.tsne import MAX_POINTS, _retrievals, _thin, category_markers, draw_panels, embed

FIGURES = {"miou": 0.5, "fscore": 0.5, "val_miou": 0.5, "best_epoch": 1, "epochs": 2}


def groups(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    category = np.resize(["a", "b"], n)
    values = np.where(category == "a", 4.0, -4.0)[:, None] + np.random.default_rng(0).normal(0, 1, (n, 6))
    return values.astype(np.float32), category


def test_the_same_seed_gives_the_same_map() -> None:
    values, category = groups()
    points = embed(values, 3)
    assert points.shape == (24, 2)
    assert np.array_equal(points, embed(values, 3))
    # groups that lie apart stay apart
    first, second = points[category == "a"], points[category == "b"]
    between = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert between > max(first.std(axis=0).max(), second.std(axis=0).max())


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_crops_give_no_map(n: int) -> None:
    assert embed(np.ones((n, 3), np.float32), 0) is None


@pytest.mark.parametrize("shape", [(5, 3), (6, 1), (40, 2)])
def test_small_sets_work(shape: tuple[int, int]) -> None:
    points = embed(np.random.default_rng(0).normal(0, 1, shape).astype(np.float32), 0)
    assert points.shape == (shape[0], 2) and np.isfinite(points).all()
    assert np.array_equal(points, embed(np.random.default_rng(0).normal(0, 1, shape).astype(np.float32), 0))


def test_collapsed_features_are_one_point() -> None:
    assert (embed(np.full((10, 4), 7.0, np.float32), 0) == 0).all()


def test_23_categories_have_23_markers() -> None:
    assert len(set(category_markers([f"category {n}" for n in range(23)]).values())) == 23


def test_of_few_categories_colour_is_not_the_only_cue() -> None:
    assert [marker for _, marker in category_markers(list("abcdef")).values()] == ["o", "s", "^"] * 2


def test_thinning_keeps_rows_in_order() -> None:
    names = np.array(["a"] * 3000)
    rows = _thin(Features(np.zeros((3000, 1), np.float32), names, names))
    assert len(rows) == MAX_POINTS == len(set(rows.tolist())) and rows[0] == 0 and rows[-1] == 2999


def test_panels_share_axes_and_measure_all_crops(tmp_path: Path) -> None:
    values, category = groups(20)
    features = {1: tmp_path / "features-1.npz", 2: tmp_path / "features-2.npz"}
    for epoch, scale in ((1, 1), (2, 4)):
        np.savez(features[epoch], features=values * np.float32(scale), category=category, clip=category)
    runs = [Run("baseline", 1, FIGURES, features=features), Run("proposed", 1, FIGURES, features=features)]
    panels, markers = draw_panels(runs, seed=0)
    assert [(panel.variant, panel.epoch) for panel in panels] == [
        ("baseline", 1),
        ("baseline", 2),
        ("proposed", 1),
        ("proposed", 2),
    ]
    places = [re.findall(r'<use [^>]*?x="([^"]+)" y="([^"]+)"', str(panel.svg)) for panel in panels]
    assert len(places[0]) == 20
    # category by category: each point has the marker of its category, so groups that lie apart stay apart
    first, second = np.split(np.array(places[0], float), 2)
    between = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert between > max(first.std(axis=0).max(), second.std(axis=0).max())
    # lengths do not matter (4 changes no digit), seeds and axes are the same: so are the maps
    assert places[0] == places[1] == places[2] == places[3]
    assert panels[0].silhouette == pytest.approx(
        panels[1].silhouette, abs=1e-6
    )  # cosine: scale does not matter
    assert sorted(markers) == ["a", "b"]


def test_without_any_category_nothing_is_searched_within_one() -> None:
    clip = np.array([f"clip {i}" for i in range(10)])
    values, blank = np.eye(10, dtype=np.float32), np.array([""] * 10)
    features = Features(values, blank, clip, values, values, clip, audio_category=blank)
    assert list(_retrievals(features)) == ["crop to sound, all clips", "sound to crop, all clips"]


def test_sounds_of_clips_without_a_box_are_candidates_of_their_category() -> None:
    """Six categories of ten clips, embeddings that tell the category and nothing more, half of them boxed."""
    category = np.repeat([f"category {i}" for i in range(6)], 10)
    clip = np.array([f"clip {i}" for i in range(60)])
    values = np.repeat(np.eye(6, dtype=np.float32), 10, axis=0)
    boxed = np.arange(60) % 2 == 0
    features = Features(
        values[boxed], category[boxed], clip[boxed], values[boxed], values, clip, audio_category=category
    )
    found = _retrievals(features)
    assert found["crop to sound, other categories"].accuracy == 1
    assert found["crop to sound, same category"].chance == pytest.approx(1 / 10)
    assert found["sound to crop, same category"].chance == pytest.approx(1 / 5)
