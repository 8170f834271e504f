from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import torch

from pipeline.config.params import Model
from pipeline.config.run_config import RunConfig
from pipeline.config.variants import Attention
from pipeline.dataset.clips import Batch, BoxBatch, NegativeBatch, normalise
from pipeline.losses.terms import TERMS
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.training.objective import Objective
from pipeline.training.seed import seed_everything


def objective(
    attention: Attention = "sound",
    network: str = "segmenter",
    labelled_frames: int | None = None,
    form: Any = "av",
    **weights: float,
) -> Objective:
    config = RunConfig(
        variant="proposed",
        attention=attention,
        network=network,
        model=Model(
            backbone="resnet18",
            channels=8,
            tpavi_stages=[4],
            image_size=32,
            sound_gate=weights.get("gate", 0) > 0,
        ),
        loss=weights if network == "localiser" else {"bce": 1.0, **weights},
        avm=form,
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
    return Objective(config, labelled_frames)


@pytest.fixture
def batch() -> Batch:
    make = torch.Generator().manual_seed(0)

    def pictures() -> torch.Tensor:
        return torch.randint(0, 256, (2, 2, 32, 32, 3), generator=make, dtype=torch.uint8)

    masks = torch.randint(0, 2, (2, 2, 32, 32), generator=make, dtype=torch.uint8)
    audio = torch.randn(2, 2, 128, generator=make)
    ones = torch.ones(2, 2, dtype=torch.bool)
    return Batch(
        frames=pictures(),
        masks=masks,
        has_mask=torch.tensor([[True, False], [True, False]]),
        rows=torch.arange(2),
        audio=audio,
        boxes=BoxBatch(
            has_box=ones,
            boxes=torch.tensor([0.25, 0.25, 0.75, 0.75]).expand(2, 2, 4),
            category=torch.tensor([0, 1]),
            crops=pictures(),
            pseudo_masks=torch.cat([torch.full_like(masks[:, :1], IGNORE_INDEX), masks[:, 1:]], 1),
        ),
        negatives=NegativeBatch(
            audio=torch.randn(1, 2, 128, generator=make),
            offscreen=torch.tensor([True]),
            pasted_mask=torch.zeros(1, 2, 32, 32, dtype=torch.uint8),
            targets=torch.zeros(1, 2, 32, 32, dtype=torch.uint8),
        ),
    )


def without_targets(batch: Batch) -> Batch:
    """The batch as a run without the term `negatives` gets it: negative audio for the gate only."""
    assert batch.negatives is not None
    return replace(batch, negatives=batch.negatives._replace(targets=None))


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({}, {"bce"}),
        ({"avm": 0.5}, {"bce", "avm"}),
        ({"classification": 0.3}, {"bce", "classification"}),
        ({"similarity": 0.7}, {"bce", "similarity"}),
        ({"pseudo_masks": 0.5}, {"bce", "pseudo_masks"}),
        ({"negatives": 0.5}, {"bce", "negatives"}),
        ({"gate": 0.1}, {"bce", "gate"}),
        ({"gate": 0.1, "negatives": 0.5}, {"bce", "negatives", "gate"}),
    ],
)
@pytest.mark.parametrize("form", ["av", "vv"])
def test_only_the_terms_of_the_run_are_computed(
    batch: Batch, weights: dict[str, float], terms: set[str], form: str
) -> None:
    model = objective(form=form, **weights)
    if "negatives" not in weights:
        batch = without_targets(batch) if "gate" in weights else replace(batch, negatives=None)
    assert model(batch).keys() == terms | {"loss"}
    heads = bool(terms & {"classification", "similarity"})
    assert (model.heads is not None) == heads
    groups = model.parameter_groups(0.001, 0.01 if heads else None)
    assert [group["lr"] for group in groups] == ([0.001, 0.01] if heads else [0.001])
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_every_term_of_the_table_has_a_module() -> None:
    for name in TERMS:
        assert callable(import_module(f"pipeline.losses.{name}").compute)


def test_the_total_is_the_weighted_sum(batch: Batch) -> None:
    weights = {
        "avm": 0.5,
        "pseudo_masks": 0.4,
        "negatives": 0.2,
        "gate": 0.3,
        "classification": 0.3,
        "similarity": 0.7,
    }
    terms = objective(**weights)(batch)
    value = {name: term.item() for name, term in terms.items()}
    by_hand = value["bce"] + sum(w * value[name] for name, w in weights.items())
    assert value["loss"] == pytest.approx(by_hand, rel=1e-6)
    assert all(v > 0 for v in value.values())


def test_batches_of_one_step_leave_the_avm_term_its_weight(batch: Batch) -> None:
    """It is a sum over frames: the mean over a step's batches would divide it by their number."""
    terms = objective(avm=0.5)(batch, 3)
    value = {name: term.item() for name, term in terms.items()}
    assert value["loss"] == pytest.approx(value["bce"] + 3 * 0.5 * value["avm"], rel=1e-6)


def test_the_crop_terms_shape_the_encoder(batch: Batch) -> None:
    model = objective(classification=1.0)
    model(batch)["classification"].backward()
    stem = next(model.model.encoder.parameters())
    assert stem.grad is not None and stem.grad.abs().sum() > 0


def test_without_audio(batch: Batch) -> None:
    silent = Batch(batch.frames, batch.masks, batch.has_mask, batch.rows)
    for attention in ("constant", "clip", "frame"):
        assert objective(attention)(silent).keys() == {"bce", "loss"}


def test_a_localiser_sees_no_mask(batch: Batch) -> None:
    model = objective(network="localiser", trimap=1.0)
    terms = model(batch)
    assert terms.keys() == {"loss", "trimap"}
    blank = replace(batch, masks=torch.zeros_like(batch.masks))
    assert model.train()(blank)["trimap"].item() == pytest.approx(terms["trimap"].item(), rel=1e-5)


def test_negatives_leave_the_other_terms_as_they_are(batch: Batch) -> None:
    """In evaluation mode (no batch statistics) the rows of the negative audio do not touch the clips' own."""
    model = objective(pseudo_masks=0.5, negatives=0.5).eval()
    model.model.tpavi["4"].bn.weight.data.fill_(1.0)
    plain = objective(pseudo_masks=0.5).eval()
    plain.load_state_dict(model.state_dict())
    with_, without = model(batch), plain(replace(batch, negatives=None))
    for name in ("bce", "pseudo_masks"):
        assert with_[name].item() == pytest.approx(without[name].item(), rel=1e-5)


def test_a_gate_leaves_the_mask_terms_as_they_are(batch: Batch) -> None:
    """The mask is learned before the gate, whose term says what is heard in every picture."""
    gated, plain = objective(pseudo_masks=0.5, gate=0.1).eval(), objective(pseudo_masks=0.5).eval()
    plain.load_state_dict(gated.state_dict(), strict=False)
    with_, without = gated(without_targets(batch)), plain(replace(batch, negatives=None))
    for name in ("bce", "pseudo_masks"):
        assert with_[name].item() == pytest.approx(without[name].item(), rel=1e-5)


def test_the_gate_term_by_hand(batch: Batch) -> None:
    """Of the pictures as they are and of those with something pasted, each under both sounds."""
    pasted, laid = batch.frames[:1].flip(-2), torch.zeros(1, 2, 32, 32, dtype=torch.uint8)
    laid[..., 20:, 20:] = 1
    assert batch.negatives is not None
    negatives = batch.negatives._replace(targets=None, frames=pasted, pasted_mask=laid)
    batch = replace(batch, negatives=negatives)
    model = objective(gate=1.0).eval()
    gate = model.model.sound_gate
    assert batch.audio is not None
    logits, truths = [], []
    own = torch.full((2, 32, 32), IGNORE_INDEX)
    own[:, 8:24, 8:24] = 1
    for frames, sound, box, paste in (
        (batch.frames[0], batch.audio[0], 1, None),
        (batch.frames[1], batch.audio[1], 1, None),
        (batch.frames[0], negatives.audio[0], 0, None),
        (pasted[0], batch.audio[0], 1, 0),
        (pasted[0], negatives.audio[0], 0, 1),
    ):
        features = model.model.encode(normalise(frames[None])).gate_features
        logits.append(gate(features, sound[None])[0])
        truth = torch.full((2, 32, 32), IGNORE_INDEX)
        truth[:, 8:24, 8:24] = box
        if paste is not None:
            truth[:, 20:, 20:] = paste
        truths.append(truth)
    each = [
        torch.nn.functional.binary_cross_entropy_with_logits(one[known], truth[known].float())
        for logit, both in zip(logits, truths, strict=True)
        for one, truth in zip(logit, both, strict=True)
        if (known := truth != IGNORE_INDEX).any()
    ]
    assert model(batch)["gate"].item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)


def test_a_term_that_reads_the_other_frames_has_them_decoded(batch: Batch) -> None:
    """What negative audio should show is known of all frames, whichever of them have masks."""
    assert batch.negatives is not None and batch.negatives.targets is not None
    targets = torch.zeros_like(batch.negatives.targets)
    targets[:, 1] = 1  # on the second frame alone, which has no mask
    batch = replace(batch, negatives=batch.negatives._replace(targets=targets))
    whole, told = objective(negatives=1.0), objective(negatives=1.0, labelled_frames=1)
    assert told(batch)["negatives"].item() == whole(batch)["negatives"].item()


def test_new_tensors_are_not_filled_for_the_sake_of_what_nobody_reads() -> None:
    """Deterministic algorithms bring that along unless told: every new tensor written once more."""
    seed_everything(1)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.empty(100_000).isnan().all()
