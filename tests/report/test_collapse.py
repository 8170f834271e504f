"""Spread, retrieval and silhouette on features whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pipeline.report.collapse import retrieval, silhouette, spread


def test_orthogonal_features() -> None:
    got = spread(np.eye(4))
    assert got.mean_cosine == pytest.approx(0)
    assert got.effective_rank == pytest.approx(3)  # centring takes one of the four directions
    assert got.deviation == pytest.approx(np.sqrt(3 / 4))
    assert not got.collapsed


@pytest.mark.parametrize(
    "features",
    [
        np.ones((5, 3)),
        np.outer([1.0, 2, 3, 50], [1, 2, 3]),  # lengths differ, directions do not: a cosine sees one feature
        np.zeros((4, 2)),
        np.ones((50, 8)) + np.random.default_rng(0).normal(0, 0.01, (50, 8)),
    ],
)
def test_collapsed_features_are_seen(features: np.ndarray) -> None:
    assert spread(features).collapsed


def test_constant_features_have_no_rank() -> None:
    got = spread(np.full((6, 4), 0.3, np.float32))
    assert (got.mean_cosine, got.deviation, got.effective_rank) == pytest.approx((1, 0, 0), abs=1e-6)


def test_two_opposite_groups_are_not_collapsed() -> None:
    got = spread(np.array([[1.0, 0], [1, 0], [-1, 0], [-1, 0]]))
    assert got.mean_cosine == pytest.approx((2 - 4) / 6)  # of 6 pairs, 2 agree and 4 oppose
    assert got.effective_rank == pytest.approx(1)
    assert not got.collapsed


@settings(max_examples=50)
@given(npst.arrays(np.float64, (7, 3), elements=st.floats(-5, 5).map(lambda v: round(v, 2))))
def test_mean_cosine_is_the_mean_over_pairs(features: np.ndarray) -> None:
    norms = np.linalg.norm(features, axis=1)
    pairs = []
    for i in range(7):
        for j in range(i):
            if norms[i] and norms[j]:
                pairs.append(features[i] @ features[j] / norms[i] / norms[j])
            else:
                pairs.append(float(norms[i] == norms[j]))
    assert spread(features).mean_cosine == pytest.approx(np.mean(pairs), abs=1e-9)


def test_retrieval_by_hand() -> None:
    sounds = np.array([[1.0, 0], [0, 1], [-1, 0]])
    crops = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 1.0]])  # the third lies nearer to the second sound
    got = retrieval(crops, ["a", "b", "c"], sounds, ["a", "b", "c"])
    assert got is not None
    assert (got.accuracy, got.chance, got.queries) == pytest.approx((2 / 3, 1 / 3, 3))


def test_retrieval_of_collapsed_features_is_chance_in_any_order() -> None:
    names = np.array(list("abcd"))
    for order in (names, names[::-1]):
        got = retrieval(np.ones((4, 3)), names, np.ones((4, 3)), order)
        assert got is not None and got.accuracy == pytest.approx(0.25)


def test_retrieval_within_and_across_categories() -> None:
    # features tell the category, not the clip: across is easy, within is chance
    clips, categories = np.array(list("abcd")), np.array(["x", "x", "y", "y"])
    features = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    options = {"query_categories": categories, "candidate_categories": categories}
    within = retrieval(features, clips, features, clips, within=True, **options)
    across = retrieval(features, clips, features, clips, within=False, **options)
    assert (
        within is not None and within.accuracy == pytest.approx(0.5) and within.chance == pytest.approx(0.5)
    )
    assert (
        across is not None and across.accuracy == pytest.approx(1) and across.chance == pytest.approx(1 / 3)
    )


def test_retrieval_without_an_alternative_is_undefined() -> None:
    assert retrieval(np.ones((1, 2)), ["a"], np.ones((1, 2)), ["a"]) is None
    assert retrieval(np.ones((1, 2)), ["a"], np.ones((2, 2)), ["b", "c"]) is None
    with pytest.raises(ValueError, match="categories"):
        retrieval(np.ones((1, 2)), ["a"], np.ones((1, 2)), ["a"], within=True)


def test_silhouette() -> None:
    tight = np.array([[1.0, 0], [1, 0.01], [0, 1], [0.01, 1]])
    assert silhouette(tight, ["a", "a", "b", "b"]) == pytest.approx(1, abs=0.01)
    assert silhouette(tight, ["a", "b", "a", "b"]) < 0
    assert silhouette(tight, ["a"] * 4) is None
    assert silhouette(tight, list("abcd")) is None


def test_one_feature_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        spread(np.ones((1, 4)))


def test_effective_rank_is_that_of_the_singular_values() -> None:
    for shape in ((30, 6), (6, 30)):
        features = np.random.default_rng(1).normal(0, 1, shape) * np.linspace(1, 5, shape[1])
        singular = np.linalg.svd(features - features.mean(axis=0), compute_uv=False)
        share = singular[singular > 1e-9] / singular.sum()
        assert spread(features).effective_rank == pytest.approx(np.exp(-np.sum(share * np.log(share))))


def test_many_queries_are_counted_once_each() -> None:
    clips = np.arange(2500).astype(str)
    features = np.random.default_rng(2).normal(0, 1, (2500, 16))
    got = retrieval(features, clips, features[:300], clips[:300])
    assert got is not None and (got.accuracy, got.queries) == (1.0, 300)
