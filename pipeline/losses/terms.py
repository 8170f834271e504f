"""Loss terms: the one table from which settings, inputs, titles and refusals follow.

A term is a file `pipeline/losses/{name}.py` with a function `compute(inputs)`, a row here, and a line under
`loss` in params.yaml. A variant uses the terms that it names (`pipeline.config.variants`).

This module does not import torch: commands that only read settings import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Input = Literal["boxes", "crops", "pseudo_masks", "negatives", "category"]


@dataclass(frozen=True)
class Term:
    """One loss term.

    Attributes:
        name: of its module, and of its curve: the log has `train/{name}`.
        title: for the report.
        reads: what it needs of the data beyond frames, masks and the clips' own audio.
        setting: its key under `loss` in params.yaml; "" for a term whose weight is always 1.
        needs_category: whether it is dropped where clips have no category (MS3).
        needs_audio: whether it is dropped for a variant that does not hear the clip.
        only_labelled_frames: whether frames without a mask contribute nothing, so that they need no decoding.
        summed_over_frames: whether it grows with the number of frames, as published; it is then scaled so
            that accumulating batches does not change its weight.
    """

    name: str
    title: str
    reads: frozenset[Input] = frozenset()
    setting: str = ""
    needs_category: bool = False
    needs_audio: bool = False
    only_labelled_frames: bool = False
    summed_over_frames: bool = False


_CROPS: frozenset[Input] = frozenset({"boxes", "crops", "category"})
_NEGATIVES: frozenset[Input] = frozenset({"boxes", "negatives", "category"})
TERMS: dict[str, Term] = {
    term.name: term
    for term in (
        Term("bce", "BCE of the mask", only_labelled_frames=True),
        Term("avm", "Audio-visual matching", setting="lambda", needs_audio=True, summed_over_frames=True),
        Term("pseudo_masks", "BCE of the pseudo-masks", frozenset({"boxes", "pseudo_masks"}), "pseudo_masks"),
        Term("negatives", "BCE under negative audio", _NEGATIVES, "negatives"),
        Term("gate", "BCE of the sound gate", _NEGATIVES, "gate", only_labelled_frames=True),
        Term(
            "classification",
            "Crop classification",
            _CROPS,
            "classification",
            needs_category=True,
            only_labelled_frames=True,
        ),
        Term("similarity", "Audio-crop similarity", _CROPS, "similarity", only_labelled_frames=True),
        Term("trimap", "Tri-map contrast"),
    )
}
SETTINGS: dict[str, Term] = {term.setting: term for term in TERMS.values() if term.setting}
