"""Feature collapse: spread, retrieval and silhouette of crop features.

A cosine loss without negatives can make all features equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK = 1000  # queries compared at once: memory stays flat for any number
MAX_FEATURES = 5000  # that the silhouette compares pair by pair; of more, an even selection
COLLAPSED = 0.99  # mean pairwise cosine above which features separate nothing


@dataclass(frozen=True)
class Spread:
    """Spread of features (n, d).

    Attributes:
        mean_cosine: mean cosine over all pairs: 1 where all point one way, about 0 for random directions.
        deviation: root of the summed variance over the root mean square norm: 0 constant, 1 centred on zero.
        effective_rank: exp of the entropy of the centred features' normalised singular values: how many
            directions carry the variation (Roy & Vetterli 2007); 0 for constant features.
    """

    mean_cosine: float
    deviation: float
    effective_rank: float

    @property
    def collapsed(self) -> bool:
        """Whether every feature points the same way, so that their cosine says nothing."""
        return self.mean_cosine > COLLAPSED


@dataclass(frozen=True)
class Retrieval:
    """Share of queries whose nearest candidate by cosine is the right clip, and what chance would give."""

    accuracy: float
    chance: float
    queries: int


def spread(features: ArrayLike) -> Spread:
    """Spread of features (n, d), n >= 2. All-zero features count as pointing the same way."""
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(f"need at least 2 features (n, d), got shape {values.shape}")
    n = len(values)
    norms = np.linalg.norm(values, axis=1)
    size = float(np.sqrt(np.mean(norms**2)))
    if size == 0:
        return Spread(mean_cosine=1.0, deviation=0.0, effective_rank=0.0)
    unit = values / np.where(norms > 0, norms, 1.0)[:, None]
    zeros = int(np.sum(norms == 0))
    # sum over pairs of u_i . u_j without the n x n matrix; two zero vectors count as equal
    pairs = float(np.sum(unit.sum(axis=0) ** 2)) - (n - zeros) + zeros * (zeros - 1)
    centred = values - values.mean(axis=0)
    # singular values by way of the smaller Gram matrix: 17,260 crops take seconds instead of minutes
    gram = centred.T @ centred if centred.shape[1] <= n else centred @ centred.T
    singular = np.sqrt(np.clip(np.linalg.eigvalsh(gram), 0, None))
    singular = singular[singular > 1e-6 * size * np.sqrt(n)]
    share = singular / singular.sum() if len(singular) else singular
    return Spread(
        mean_cosine=pairs / (n * (n - 1)),
        deviation=float(np.sqrt(centred.var(axis=0).sum())) / size,
        effective_rank=float(np.exp(-np.sum(share * np.log(share)))) if len(singular) else 0.0,
    )


def retrieval(
    queries: ArrayLike,
    query_clips: ArrayLike,
    candidates: ArrayLike,
    candidate_clips: ArrayLike,
    *,
    query_categories: ArrayLike | None = None,
    candidate_categories: ArrayLike | None = None,
    within: bool | None = None,
) -> Retrieval | None:
    """Find each query's clip among the candidates by cosine: crops from sounds, or sounds from crops.

    Where several candidates are equally near, the query counts by the share of them that is right, so that
    collapsed features score chance and not the luck of the order.

    Args:
        queries: (n, d).
        query_clips: (n,) the clip of each query.
        candidates: (m, d).
        candidate_clips: (m,) the clip of each candidate.
        query_categories: (n,), needed with `within`.
        candidate_categories: (m,), needed with `within`.
        within: None: among all candidates; True: among those of the query's category only (the hard case);
            False: the right clip among clips of other categories only.

    Returns:
        None where no query has both a right and a wrong candidate.
    """
    if within is not None and (query_categories is None or candidate_categories is None):
        raise ValueError("within needs the categories of queries and candidates")
    query_of, candidate_of = np.asarray(query_clips), np.asarray(candidate_clips)
    query_units, candidate_units = _unit(queries), _unit(candidates)
    found, chances = [], []
    for start in range(0, len(query_units), BLOCK):
        block = slice(start, start + BLOCK)
        right = query_of[block, None] == candidate_of[None, :]
        allowed = np.ones_like(right)
        if within is not None:
            same = np.asarray(query_categories)[block, None] == np.asarray(candidate_categories)[None, :]
            allowed = same if within else (~same | right)
        right &= allowed
        keep = right.any(axis=1) & (~right & allowed).any(axis=1)
        right, allowed = right[keep], allowed[keep]
        similarity = np.where(allowed, query_units[block][keep] @ candidate_units.T, -np.inf)
        nearest = (similarity >= similarity.max(axis=1, keepdims=True, initial=-np.inf) - 1e-6) & allowed
        found.append((nearest & right).sum(axis=1) / nearest.sum(axis=1))
        chances.append(right.sum(axis=1) / allowed.sum(axis=1))
    hits, chance = np.concatenate([*found, []]), np.concatenate([*chances, []])
    if not len(hits):
        return None
    return Retrieval(float(hits.mean()), float(chance.mean()), len(hits))


def _unit(features: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(features, dtype=np.float64)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(norms > 0, norms, 1.0)


def silhouette(features: ArrayLike, categories: ArrayLike) -> float | None:
    """Mean silhouette (-1 to 1, cosine distance) of features (n, d) grouped by category.

    1: each category a tight group of its own; 0: categories overlap; below 0: features lie nearer to another
    category. None where undefined: fewer than 2 categories, or one feature each. Source: Rousseeuw 1987.
    """
    from sklearn.metrics import silhouette_score

    step = -(-len(np.asarray(categories)) // MAX_FEATURES)
    values = np.asarray(features, dtype=np.float64)[:: max(step, 1)]
    groups = np.asarray(categories).astype(str)[:: max(step, 1)]
    if not 2 <= len(np.unique(groups)) < len(groups):
        return None
    return float(silhouette_score(values, groups, metric="cosine"))
