"""What one run will use, and nothing else: the settings of a variant and digests of the data it reads.

Stages that train depend on this small file instead of on params.yaml and all data. A setting that a variant
does not use is absent from its plan, so that sweeping it, or drawing a box anew, does not rerun that variant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline.config.params import Augment, Model, Params
from pipeline.config.variants import NETWORK_SETTINGS, Attention, Network, variant
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import digest, read_json


class LossWeights(BaseModel):
    """Weights of the loss terms of one variant; a term of weight 0 is never computed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    lambda_: float = 0.0
    avm: Literal["av", "vv"] | None = None
    classification: float = 0.0
    similarity: float = 0.0
    contrastive: float = 0.0
    box: float = 0.0
    outlines: float = 0.0
    negatives: float = 0.0
    gate: float = 0.0
    negative_share: float = 0.0
    pasted_share: float = 0.0
    trimap: float = 0.0

    @property
    def heads(self) -> bool:
        """Whether a term needs the heads that judge crops."""
        return self.classification > 0 or self.similarity > 0 or self.contrastive > 0

    @property
    def boxes(self) -> bool:
        """Whether a term reads where the annotators' boxes lie."""
        return self.box > 0 or self.outlines > 0 or self.other_sounds

    @property
    def other_sounds(self) -> bool:
        """Whether a term hears other sounds beside the clips' own."""
        return self.negatives > 0 or self.gate > 0


class RunConfig(BaseModel):
    """The settings of one variant, resolved; the same for all its seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    variant: str
    network: Network = "segmenter"
    attention: Attention = "sound"
    model: Model
    loss: LossWeights
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

    @property
    def boxes(self) -> bool:
        """Whether training reads the annotators' boxes, or the crops cut by them."""
        return self.loss.heads or self.loss.boxes

    def fingerprint(self, seed: int, code: str) -> str:
        """SHA-256 over everything that decides a run's result: settings, data digests, seed, code digest."""
        text = json.dumps([self.model_dump(mode="json"), seed, code], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def make_run_config(
    name: str, params: Params, categories: list[str], inputs: Mapping[str, list[Path] | str]
) -> RunConfig:
    """Resolve params for the variant `name`.

    Args:
        categories: the classes of the crop classifier, in order; none (MS3) leaves out terms that need them.
        inputs: files and folders by name ("frames", "audio", "boxes", "crops", "outlines", "bank", "initial",
            "pretrained"), of which only those that the variant reads are hashed; and digests already made:
            "clips", which clip is of which split, and "category", what each one shows.
    """
    chosen = variant(name)
    loss = params.loss

    def weight(term: str, value: float) -> float:
        return value if term in chosen.terms else 0.0

    avm = weight("lambda", loss.lambda_) if chosen.audio else 0.0
    negatives, gate = weight("negatives", loss.negatives), weight("gate", loss.gate)
    other_sounds = max(negatives, gate) > 0
    weights = LossWeights(
        lambda_=avm,
        avm=loss.avm if avm > 0 else None,
        classification=weight("classification", loss.classification) if categories else 0.0,
        similarity=weight("similarity", loss.similarity),
        contrastive=weight("contrastive", loss.contrastive) if categories else 0.0,
        box=weight("box", loss.box),
        outlines=weight("outlines", loss.outlines),
        negatives=negatives,
        gate=gate,
        negative_share=loss.negative_share if other_sounds else 0.0,
        # without a category it cannot be known whose sound another clip's is: silence and noise are heard
        pasted_share=loss.pasted_share if other_sounds and categories else 0.0,
        trimap=weight("trimap", 1.0),
    )
    model = params.model
    if model.initial:  # which brings its own encoder
        model = model.model_copy(update={"pretrained": False})
    model = model.model_copy(update={"sound_gate": gate > 0})
    used_settings = NETWORK_SETTINGS[chosen.network] | {"pretrained", "initial", "image_size"}
    model = Model(**model.model_dump(include=set(used_settings)))  # a setting that is not used: its default
    by_category = weights.heads or other_sounds
    used = ["clips", "frames"] + ["audio"] * chosen.audio + ["category"] * by_category
    used += ["boxes"] * (weights.heads or weights.boxes) + ["crops"] * weights.heads
    used += ["outlines"] * (weights.outlines > 0) + ["bank"] * other_sounds
    used += ["initial"] * bool(model.initial) + ["pretrained"] * model.pretrained
    return RunConfig(
        variant=name,
        network=chosen.network,
        attention=chosen.attention,
        model=model,
        loss=weights,
        categories=categories if by_category else [],
        epochs=params.train.epochs,
        batch_size=params.train.batch_size,
        accumulate=params.train.accumulate,
        lr=params.train.lr,
        heads_lr=params.train.heads_lr if weights.heads else None,
        schedule=params.train.schedule,
        warmup_epochs=params.train.warmup_epochs,
        augment=params.train.augment,
        precision=params.train.precision,
        keep_epochs=params.evaluate.tsne_epochs,
        inputs={key: _digest(inputs[key]) for key in used},
    )


def dropped_terms(name: str, params: Params, categories: list[str]) -> list[str]:
    """What the variant `name` cannot use of params since the clips have no category, a line each."""
    if categories:
        return []
    terms, loss = variant(name).terms, params.loss.model_dump()
    lines = [
        f"loss.{term} is left out: the clips have no category"
        for term in ("classification", "contrastive")
        if term in terms and loss[term] > 0
    ]
    if any(term in terms and loss[term] > 0 for term in ("negatives", "gate")):
        lines.append("the other sounds are silence and noise alone: the clips have no category")
    return lines


def _digest(found: list[Path] | str) -> str:
    return found if isinstance(found, str) else digest(found)


def read_run_config(path: Path) -> RunConfig:
    """Read a plan that the `plan` stage wrote; an unreadable one is a `PipelineError` that names it."""
    try:
        return RunConfig.model_validate(read_json(path))
    except ValueError as error:
        raise PipelineError(f"{path}: is not a plan of this version; run `dvc repro -f plan`.") from error


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """The keys whose values differ between two plans, as lines `key: old -> new`."""
    lines = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: {before} -> {after}")
    return lines
