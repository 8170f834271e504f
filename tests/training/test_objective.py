from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline.config.params import Model
from pipeline.config.run_config import LossWeights, RunConfig
from pipeline.config.variants import Attention, Network
from pipeline.dataset.clips import Batch, normalise
from pipeline.ops.ignore_index import IGNORE_INDEX
from pipeline.training.objective import Objective
from pipeline.training.seed import seed_everything


def objective(
    attention: Attention = "sound",
    network: Network = "segmenter",
    labelled_frames: int | None = None,
    **weights: Any,
) -> Objective:
    plan = RunConfig(
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
    return Objective(plan, labelled_frames)


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
        labelled=torch.tensor([[True, False], [True, False]]),
        rows=torch.arange(2),
        audio=audio,
        crops=pictures(),
        present=ones,
        boxes=torch.tensor([0.25, 0.25, 0.75, 0.75]).expand(2, 2, 4),
        category=torch.tensor([0, 1]),
        others=torch.randn(1, 2, 128, generator=make),
        other_truth=torch.zeros(1, 2, 32, 32, dtype=torch.uint8),
        offscreen=torch.tensor([True]),
        laid=torch.zeros(1, 2, 32, 32, dtype=torch.uint8),
        outlines=torch.cat([torch.full_like(masks[:, :1], IGNORE_INDEX), masks[:, 1:]], 1),
    )


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({}, {"bce"}),
        ({"lambda_": 0.5, "avm": "av"}, {"bce", "avm"}),
        ({"lambda_": 0.5, "avm": "vv"}, {"bce", "avm"}),
        ({"classification": 0.3}, {"bce", "classification"}),
        ({"similarity": 0.7}, {"bce", "similarity"}),
        ({"contrastive": 0.1}, {"bce", "contrastive"}),
        ({"box": 0.5}, {"bce", "box"}),
        ({"outlines": 0.5}, {"bce", "outlines"}),
        ({"negatives": 0.5, "negative_share": 0.5}, {"bce", "negatives"}),
        ({"gate": 0.1, "negative_share": 0.5}, {"bce", "gate"}),
        ({"gate": 0.1, "negatives": 0.5, "negative_share": 0.5}, {"bce", "negatives", "gate"}),
    ],
)
def test_terms_of_weight_zero_are_absent(batch: Batch, weights: dict[str, Any], terms: set[str]) -> None:
    model = objective(**weights)
    if "negatives" not in weights:
        batch = replace(batch, other_truth=None)
    if "gate" not in weights and "negatives" not in weights:
        batch = replace(batch, others=None)
    assert model(batch).keys() == terms | {"loss"}
    heads = bool(terms & {"classification", "similarity", "contrastive"})
    assert (model.heads is not None) == heads
    groups = model.parameter_groups(0.001, 0.01 if heads else None)
    assert [group["lr"] for group in groups] == ([0.001, 0.01] if heads else [0.001])
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_the_total_is_the_weighted_sum(batch: Batch) -> None:
    weights = {
        "classification": 0.3,
        "similarity": 0.7,
        "contrastive": 0.1,
        "box": 0.6,
        "negatives": 0.2,
        "gate": 0.3,
        "outlines": 0.4,
    }
    terms = objective(lambda_=0.5, avm="av", **weights)(batch)
    value = {name: term.item() for name, term in terms.items()}
    by_hand = value["bce"] + 0.5 * value["avm"] + sum(w * value[name] for name, w in weights.items())
    assert value["loss"] == pytest.approx(by_hand, rel=1e-6)
    assert all(v > 0 for v in value.values())


def test_batches_of_one_step_leave_the_avm_term_its_weight(batch: Batch) -> None:
    """It is a sum over frames: the mean over a step's batches would divide it by their number."""
    terms = objective(lambda_=0.5, avm="av")(batch, 3)
    value = {name: term.item() for name, term in terms.items()}
    assert value["loss"] == pytest.approx(value["bce"] + 3 * 0.5 * value["avm"], rel=1e-6)


def test_the_crop_terms_shape_the_encoder(batch: Batch) -> None:
    model = objective(classification=1.0)
    model(batch)["classification"].backward()
    stem = next(model.segmenter.encoder.parameters())
    assert stem.grad is not None and stem.grad.abs().sum() > 0


def test_without_audio(batch: Batch) -> None:
    silent = Batch(batch.frames, batch.masks, batch.labelled, batch.rows)
    for attention in ("constant", "clip", "frame"):
        assert objective(attention)(silent).keys() == {"bce", "loss"}


def test_a_localiser_sees_no_mask(batch: Batch) -> None:
    model = objective(network="localiser", trimap=1.0)
    terms = model(batch)
    assert terms.keys() == {"loss", "trimap"}
    blank = replace(batch, masks=torch.zeros_like(batch.masks))
    assert model.train()(blank)["trimap"].item() == pytest.approx(terms["trimap"].item(), rel=1e-5)


def test_negatives_leave_the_other_terms_as_they_are(batch: Batch) -> None:
    """In evaluation mode (no batch statistics) the rows of the other sounds do not touch the clips' own."""
    model = objective(box=0.5, negatives=0.5, negative_share=0.5).eval()
    model.segmenter.tpavi["4"].bn.weight.data.fill_(1.0)
    with_, without = model(batch), model(replace(batch, others=None, other_truth=None))
    assert with_["bce"].item() == pytest.approx(without["bce"].item(), rel=1e-5)
    assert with_["box"].item() == pytest.approx(without["box"].item(), rel=1e-5)


def test_a_gate_leaves_the_mask_terms_as_they_are(batch: Batch) -> None:
    """The mask is learned before the gate, whose term says what is heard in every picture."""
    batch = replace(batch, other_truth=None)
    gated, plain = objective(outlines=0.5, gate=0.1).eval(), objective(outlines=0.5).eval()
    plain.load_state_dict(gated.state_dict(), strict=False)
    with_, without = gated(batch), plain(replace(batch, others=None))
    for name in ("bce", "outlines"):
        assert with_[name].item() == pytest.approx(without[name].item(), rel=1e-5)


def test_the_gate_term_by_hand(batch: Batch) -> None:
    """Of the pictures as they are and of those with something pasted, each under both sounds."""
    pasted, laid = batch.frames[:1].flip(-2), torch.zeros(1, 2, 32, 32, dtype=torch.uint8)
    laid[..., 20:, 20:] = 1
    batch = replace(batch, other_truth=None, pasted=pasted, laid=laid)
    model = objective(gate=1.0).eval()
    gate = model.segmenter.sound_gate
    assert batch.audio is not None and batch.others is not None
    logits, truths = [], []
    own = torch.full((2, 32, 32), IGNORE_INDEX)
    own[:, 8:24, 8:24] = 1
    for frames, sound, box, paste in (
        (batch.frames[0], batch.audio[0], 1, None),
        (batch.frames[1], batch.audio[1], 1, None),
        (batch.frames[0], batch.others[0], 0, None),
        (pasted[0], batch.audio[0], 1, 0),
        (pasted[0], batch.others[0], 0, 1),
    ):
        features = model.segmenter.encode(normalise(frames[None])).gate_features
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


def test_the_box_term_reads_only_frames_without_a_mask(batch: Batch) -> None:
    model = objective(box=1.0).eval()
    moved = batch.boxes.clone()  # type: ignore[union-attr]
    moved[:, 0] = torch.tensor([0.0, 0.0, 0.1, 0.1])  # the frame that has a mask
    assert model(replace(batch, boxes=moved))["box"].item() == model(batch)["box"].item()
    moved[:, 1] = moved[:, 0]
    assert model(replace(batch, boxes=moved))["box"].item() != model(batch)["box"].item()


def test_a_term_that_reads_the_other_frames_has_them_decoded(batch: Batch) -> None:
    """What other sounds should show is known of all frames, whichever of them have masks."""
    truth = torch.zeros_like(batch.other_truth)
    truth[:, 1] = 1  # on the second frame alone, which has no mask
    batch = replace(batch, other_truth=truth)
    whole, told = objective(negatives=1.0), objective(negatives=1.0, labelled_frames=1)
    assert told(batch)["negatives"].item() == whole(batch)["negatives"].item()


def test_new_tensors_are_not_filled_for_the_sake_of_what_nobody_reads() -> None:
    """Deterministic algorithms bring that along unless told: every new tensor written once more."""
    seed_everything(1)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.empty(100_000).isnan().all()
