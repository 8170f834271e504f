"""Resolved settings of one run: what a variant uses of params.yaml, with digests of the data that it reads.

Stages that train depend on this small file (data/plan/VARIANT.json) instead of on params.yaml and all data.
A setting that a variant does not use is absent from it, so that sweeping that setting, or redrawing a box
that the variant does not read, does not rerun it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline.config.params import Augment, Model, Negatives, Params
from pipeline.config.variants import Attention, variant
from pipeline.losses.terms import TERMS
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import digest, read_json

EVERY_NETWORK = frozenset(
    {"backbone", "pretrained", "initial", "image_size"}
)  # settings that all of them use


class RunConfig(BaseModel):
    """The settings of one variant, resolved; the same for all its seeds.

    Attributes:
        loss: weights of the terms by name (`pipeline.losses.terms`); a term that is absent is never computed.
        avm: the form of the AVM loss, where it is used.
        negatives: how negative audio is sampled, where a term uses it.
        categories: classes of the crop classifier, in order; empty where no term reads a category.
        inputs: digests by input name of what the run reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    variant: str
    network: str = "segmenter"
    attention: Attention = "sound"
    model: Model
    loss: dict[str, float] = {"bce": 1.0}
    avm: Literal["av", "vv"] | None = None
    negatives: Negatives | None = None
    categories: list[str]
    epochs: int
    batch_size: int
    accumulate: int = 1
    lr: float
    heads_lr: float | None = None
    schedule: Literal["constant", "cosine"]
    warmup_epochs: float
    augment: Augment = Augment()  # type: ignore[call-arg]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    keep_epochs: list[int]
    inputs: dict[str, str]

    @property
    def audio(self) -> bool:
        """Whether the model hears the clip."""
        return self.attention == "sound"

    def reads(self, name: str) -> bool:
        """Whether a loss term reads the input `name` (see `pipeline.losses.terms.Term.reads`)."""
        return any(name in TERMS[term].reads for term in self.loss)

    def fingerprint(self, seed: int, code: str) -> str:
        """SHA-256 over everything that decides a run's result: settings, data digests, seed, code digest."""
        text = json.dumps([self.model_dump(mode="json"), seed, code], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def make_run_config(
    name: str,
    params: Params,
    categories: list[str],
    inputs: Mapping[str, list[Path] | str],
    network_settings: Iterable[str],
) -> RunConfig:
    """Resolve params for one variant.

    Args:
        name: of the variant.
        params: all settings.
        categories: the classes of the crop classifier, in order; empty (MS3) drops the terms that need them.
        inputs: what can be read, by name: files to hash, or a digest made already ("clips", which clip is in
            which split, and "category", what each clip shows). Only what the variant reads is hashed.
        network_settings: keys of params `model` that the variant's network uses (`AVSModel.SETTINGS`).

    Raises:
        PipelineError: no variant is called `name`.
    """
    chosen = variant(name)
    weights = _weights(name, params, categories)
    reads = frozenset().union(*(TERMS[term].reads for term in weights))
    model = Model(**params.model.model_dump(include={*network_settings, *EVERY_NETWORK}))
    update: dict[str, Any] = {"sound_gate": model.sound_gate and "gate" in chosen.terms}
    if model.initial:  # it brings its own encoder
        update["pretrained"] = False
    model = model.model_copy(update=update)
    used = ["clips", "frames", *sorted(reads)]
    used += ["audio"] * chosen.audio + ["initial"] * bool(model.initial) + ["pretrained"] * model.pretrained
    train = params.train
    return RunConfig(
        variant=name,
        network=chosen.network,
        attention=chosen.attention,
        model=model,
        loss=weights,
        avm=params.loss.avm if "avm" in weights else None,
        negatives=_negatives(params, categories) if "negatives" in reads else None,
        categories=categories if "category" in reads else [],
        epochs=train.epochs,
        batch_size=train.batch_size,
        accumulate=train.accumulate,
        lr=train.lr,
        heads_lr=train.heads_lr if "crops" in reads else None,
        schedule=train.schedule,
        warmup_epochs=train.warmup_epochs,
        augment=train.augment,
        precision=train.precision,
        keep_epochs=kept_epochs(train.keep_epochs, train.epochs),
        inputs={key: _digest(inputs[key]) for key in used},
    )


def kept_epochs(wanted: list[int], epochs: int) -> list[int]:
    """Epochs whose checkpoints are kept: those wanted that exist, else the middle and the last."""
    return sorted({min(epoch, epochs) for epoch in wanted or (-(-epochs // 2), epochs)})


def dropped_terms(name: str, params: Params, categories: list[str]) -> list[str]:
    """What the variant `name` cannot use because the clips have no category, a line each."""
    if categories:
        return []
    kept = _weights(name, params, categories)
    wanted = _weights(name, params, ["any"])
    lines = [
        f"loss.{TERMS[term].setting} is dropped: the clips have no category"
        for term in wanted
        if term not in kept
    ]
    if any("negatives" in TERMS[term].reads for term in kept):
        lines.append("negative audio is silence and noise only: the clips have no category")
    return lines


def read_run_config(path: Path) -> RunConfig:
    """Read a file that the stage `plan` wrote.

    Raises:
        PipelineError: names a file that cannot be read.
    """
    try:
        return RunConfig.model_validate(read_json(path))
    except ValueError as error:
        raise PipelineError(f"{path}: is not of this version; run `dvc repro -f plan`.") from error


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The keys whose values differ between two run configs, as lines `key: old -> new`."""
    lines = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: {before} -> {after}")
    return lines


def _weights(name: str, params: Params, categories: list[str]) -> dict[str, float]:
    """The weights of the terms that a variant computes, by term, in the table's order."""
    chosen = variant(name)
    weights = {}
    for term in TERMS.values():
        used = term.name in chosen.terms and (chosen.audio or not term.needs_audio)
        weight = params.loss.weight(term.setting) if term.setting else 1.0
        if used and weight > 0 and (categories or not term.needs_category):
            weights[term.name] = weight
    return weights


def _negatives(params: Params, categories: list[str]) -> Negatives:
    # without a category nobody knows whose sound another clip's is: silence and noise remain, and no pasting
    return (
        params.train.negatives
        if categories
        else Negatives(share=params.train.negatives.share, copy_paste=0.0)
    )


def _digest(found: list[Path] | str) -> str:
    return found if isinstance(found, str) else digest(found)
