from __future__ import annotations

from typing import Any

import pytest
import torch

from pipeline.batches import Batch
from pipeline.objective import Objective
from pipeline.params import Model
from pipeline.plan import LossWeights, Plan


def objective(audio: bool = True, **weights: Any) -> Objective:
    plan = Plan(
        variant="proposed",
        audio=audio,
        model=Model(backbone="resnet18", channels=8, tpavi_stages=[4], image_size=32),
        loss=LossWeights(**weights),
        categories=["dog", "piano"],
        epochs=1,
        batch_size=2,
        lr=0.001,
        heads_lr=0.01,
        schedule="constant",
        warmup_epochs=0,
        precision="32-true",
        keep_epochs=[],
        inputs={},
    )
    torch.manual_seed(0)
    return Objective(plan)


@pytest.fixture
def batch() -> Batch:
    make = torch.Generator().manual_seed(0)

    def pictures() -> torch.Tensor:
        return torch.randint(0, 256, (2, 2, 32, 32, 3), generator=make, dtype=torch.uint8)

    masks = torch.randint(0, 2, (2, 2, 32, 32), generator=make, dtype=torch.uint8)
    audio = torch.randn(2, 2, 128, generator=make)
    ones = torch.ones(2, 2, dtype=torch.bool)
    return Batch(pictures(), masks, ones, audio, pictures(), ones, torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({}, {"bce"}),
        ({"lambda_": 0.5, "avm": "av"}, {"bce", "avm"}),
        ({"lambda_": 0.5, "avm": "vv"}, {"bce", "avm"}),
        ({"classification": 0.3}, {"bce", "classification"}),
        ({"similarity": 0.7}, {"bce", "similarity"}),
    ],
)
def test_terms_of_weight_zero_are_absent(batch: Batch, weights: dict[str, Any], terms: set[str]) -> None:
    model = objective(**weights)
    assert model(batch).keys() == terms | {"loss"}
    heads = bool(terms & {"classification", "similarity"})
    assert (model.heads is not None) == heads
    groups = model.parameter_groups(0.001, 0.01 if heads else None)
    assert [group["lr"] for group in groups] == ([0.001, 0.01] if heads else [0.001])
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_the_total_is_the_weighted_sum(batch: Batch) -> None:
    terms = objective(lambda_=0.5, avm="av", classification=0.3, similarity=0.7)(batch)
    value = {name: term.item() for name, term in terms.items()}
    by_hand = value["bce"] + 0.5 * value["avm"] + 0.3 * value["classification"] + 0.7 * value["similarity"]
    assert value["loss"] == pytest.approx(by_hand, rel=1e-6)
    assert all(v > 0 for v in value.values())


def test_the_crop_terms_shape_the_encoder(batch: Batch) -> None:
    model = objective(classification=1.0)
    model(batch)["classification"].backward()
    stem = next(model.segmenter.encoder.parameters())
    assert stem.grad is not None and stem.grad.abs().sum() > 0


def test_without_audio(batch: Batch) -> None:
    silent = Batch(batch.frames, batch.masks, batch.labelled)
    assert objective(audio=False)(silent).keys() == {"bce", "loss"}
