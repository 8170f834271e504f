from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config.inputs import INPUTS
from pipeline.config.params import Augment, Negatives, parse_params
from pipeline.config.run_config import (
    RunConfig,
    differences,
    dropped_terms,
    kept_epochs,
    make_run_config,
    read_run_config,
)
from pipeline.config.variants import VARIANTS
from pipeline.model import Segmenter
from pipeline.model.build import NETWORKS
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import write_json

Inputs = dict[str, Any]


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    names = (*INPUTS, "pretrained")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.npy").write_bytes(name.encode())
    return {"clips": "0c", "category": "0d", **{name: [tmp_path / name] for name in names}}


def config_of(name: str, values: dict[str, Any], inputs: Inputs) -> RunConfig:
    settings = NETWORKS[VARIANTS[name].network].SETTINGS if name in VARIANTS else frozenset()
    return make_run_config(name, parse_params(values), ["dog", "piano"], inputs, settings)


@pytest.mark.parametrize(
    ("section", "key", "new"),
    [("loss", "similarity", 0.2), ("loss", "classification", 0), ("train", "heads_lr", 9)],
)
def test_a_setting_that_only_proposed_uses_leaves_baseline_alone(
    values: dict[str, Any], inputs: Inputs, section: str, key: str, new: float
) -> None:
    before = [config_of(name, values, inputs) for name in ("baseline", "proposed", "silent")]
    values[section][key] = float(new)
    after = [config_of(name, values, inputs) for name in ("baseline", "proposed", "silent")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


@pytest.mark.parametrize(
    ("changed", "equal"),
    [
        ("frames", [False, False, False, False, False]),
        ("audio", [False, False, False, False, True]),
        ("boxes", [True, False, False, False, True]),
        ("crops", [True, False, True, True, True]),
    ],
)
def test_changed_data_changes_the_plans_that_read_it(
    values: dict[str, Any], inputs: Inputs, changed: str, equal: list[bool]
) -> None:
    values["loss"] |= {"negatives": 1.0}
    names = ("baseline", "proposed", "boxes-only", "listening", "silent")
    before = [config_of(name, values, inputs) for name in names]
    (inputs[changed][0] / "a.npy").write_bytes(b"new")
    after = [config_of(name, values, inputs) for name in names]
    assert [a == b for a, b in zip(before, after, strict=True)] == equal


def test_proposed_without_its_two_weights_is_baseline_but_for_the_name(
    values: dict[str, Any], inputs: Inputs
) -> None:
    values["loss"] |= {"classification": 0.0, "similarity": 0.0}
    proposed = config_of("proposed", values, inputs)
    assert not proposed.reads("boxes")
    assert proposed.model_copy(update={"variant": "baseline"}) == config_of("baseline", values, inputs)


def test_avm_needs_a_weight_and_audio(values: dict[str, Any], inputs: Inputs) -> None:
    assert config_of("baseline", values, inputs).avm is None
    values["loss"]["lambda"] = 0.5
    heard, silent = config_of("baseline", values, inputs), config_of("silent", values, inputs)
    assert (heard.loss["avm"], heard.avm) == (0.5, "av")
    assert "avm" not in silent.loss and silent.avm is None


def test_another_checkpoint_to_start_from_changes_the_plan(
    values: dict[str, Any], inputs: Inputs, tmp_path: Path
) -> None:
    start = tmp_path / "s4.pt"
    start.write_bytes(b"one")
    values["model"]["initial"] = "weights/s4.pt"
    one = config_of("baseline", values, inputs | {"initial": [start]})
    start.write_bytes(b"two")
    two = config_of("baseline", values, inputs | {"initial": [start]})
    assert [key for key in one.inputs if one.inputs[key] != two.inputs[key]] == ["initial"]
    values["model"]["pretrained"] = True  # ImageNet's weights are not read then
    assert config_of("baseline", values, inputs | {"initial": [start]}) == two


def test_without_categories_there_is_no_classification(values: dict[str, Any], inputs: Inputs) -> None:
    config = make_run_config("proposed", parse_params(values), [], inputs, Segmenter.SETTINGS)
    assert config.loss.keys() == {"bce", "similarity"}


def test_what_needs_categories_is_told_where_there_are_none(values: dict[str, Any], inputs: Inputs) -> None:
    values["loss"] |= {"classification": 0.5, "negatives": 0.0, "gate": 0.1}
    values["model"]["sound_gate"] = True
    params = parse_params(values)
    told = {name: dropped_terms(name, params, []) for name in VARIANTS}
    assert {name: lines for name, lines in told.items() if lines} == {
        "proposed": ["loss.classification is dropped: the clips have no category"],
        "listening": ["negative audio is silence and noise only: the clips have no category"],
    }
    listening = make_run_config("listening", params, [], inputs, Segmenter.SETTINGS)
    assert listening.negatives == Negatives(share=params.train.negatives.share, copy_paste=0.0)
    assert not any(dropped_terms(name, params, ["dog"]) for name in VARIANTS)
    values["loss"]["gate"] = 0.0
    assert dropped_terms("listening", parse_params(values), []) == []


def test_an_unknown_variant_is_named(values: dict[str, Any], inputs: Inputs) -> None:
    with pytest.raises(PipelineError, match=r"'basline'.*baseline, proposed, boxes-only, silent"):
        config_of("basline", values, inputs)


def test_fingerprint(values: dict[str, Any], inputs: Inputs) -> None:
    config = config_of("proposed", values, inputs)
    base = config.fingerprint(1, "code")
    assert base == config.model_copy(deep=True).fingerprint(1, "code")
    changed: dict[str, Any] = {
        "variant": "baseline",
        "network": "localiser",
        "attention": "clip",
        "augment": Augment(flip=False, scale=0.5, colour=0.5),
        "model": config.model.model_copy(update={"channels": 72}),
        "loss": config.loss | {"similarity": 0.25},
        "avm": "vv",
        "negatives": Negatives(share=0.25),
        "categories": ["piano", "dog"],
        "epochs": 26,
        "batch_size": 5,
        "accumulate": 2,
        "lr": 0.002,
        "heads_lr": 0.002,
        "schedule": "constant",
        "warmup_epochs": 2.0,
        "precision": "bf16-mixed",
        "keep_epochs": [5, 24],
        "inputs": config.inputs | {"crops": "0"},
    }
    assert changed.keys() == RunConfig.model_fields.keys()
    prints = [config.model_copy(update={key: new}).fingerprint(1, "code") for key, new in changed.items()]
    prints += [base, config.fingerprint(2, "code"), config.fingerprint(1, "other")]
    assert len(set(prints)) == len(changed) + 3


def test_a_plan_is_read_as_it_was_written(values: dict[str, Any], inputs: Inputs, tmp_path: Path) -> None:
    config = config_of("proposed", values, inputs)
    write_json(tmp_path / "plan.json", config.model_dump(mode="json"))
    assert read_run_config(tmp_path / "plan.json") == config
    write_json(tmp_path / "plan.json", {"variant": "proposed"})
    with pytest.raises(PipelineError, match=r"plan\.json"):
        read_run_config(tmp_path / "plan.json")


def test_settings_of_the_segmenter_leave_a_localiser_alone(values: dict[str, Any], inputs: Inputs) -> None:
    before = config_of("localisation", values, inputs)
    values["model"] |= {"channels": 8, "tpavi_stages": [4], "tpavi_bn_gamma": 0.5}
    assert config_of("localisation", values, inputs) == before
    values["model"]["image_size"] = 32
    assert config_of("localisation", values, inputs) != before


def test_differences_by_hand() -> None:
    old = {"lr": 0.1, "loss": {"similarity": 0.5, "avm": None}, "epochs": 2, "heads_lr": 1}
    new = {"lr": 0.1, "loss": {"similarity": 0.2, "avm": None}, "epochs": 3, "inputs": {"audio": "x"}}
    assert differences(old, new) == [
        "epochs: 2 -> 3",
        "heads_lr: 1 -> None",
        "inputs: None -> {'audio': 'x'}",
        "loss.similarity: 0.5 -> 0.2",
    ]
    assert differences(old, old) == []


def test_each_variant_takes_its_own_terms_alone(values: dict[str, Any], inputs: Inputs) -> None:
    values["loss"] |= {"lambda": 0.5, "classification": 0.3, "similarity": 0.7}
    values["loss"] |= {"pseudo_masks": 0.4, "negatives": 0.2, "gate": 0.9}
    values["model"]["sound_gate"] = True
    used = {name: config_of(name, values, inputs).loss for name in VARIANTS}
    mask = {"bce": 1.0, "avm": 0.5}
    assert used == {
        "baseline": mask,
        "proposed": mask | {"classification": 0.3, "similarity": 0.7},
        "boxes-only": mask | {"pseudo_masks": 0.4},
        "silent": {"bce": 1.0},
        "listening": mask | {"pseudo_masks": 0.4, "negatives": 0.2, "gate": 0.9},
        "localisation": {"trimap": 1.0},
        "video": {"bce": 1.0},
        "salient": {"bce": 1.0},
    }
    gates = {name for name in VARIANTS if config_of(name, values, inputs).model.sound_gate}
    assert gates == {"listening"}
    read = {name: set(config_of(name, values, inputs).inputs) for name in VARIANTS}
    assert read["proposed"] == {"clips", "category", "frames", "audio", "boxes", "crops"}
    assert read["boxes-only"] == {"clips", "frames", "audio", "boxes", "pseudo_masks"}
    assert read["listening"] == read["boxes-only"] | {"category", "negatives"}
    assert read["silent"] == read["video"] == read["salient"] == {"clips", "frames"}


@pytest.mark.parametrize(
    ("wanted", "epochs", "kept"),
    [
        ([], 6, [3, 6]),
        ([], 5, [3, 5]),
        ([], 1, [1]),
        ([10, 15], 15, [10, 15]),
        ([10, 15], 3, [3]),
        ([4], 9, [4]),
    ],
)
def test_epochs_that_are_kept_exist(wanted: list[int], epochs: int, kept: list[int]) -> None:
    assert kept_epochs(wanted, epochs) == kept


def test_clips_that_change_splits_change_every_plan_and_categories_those_that_read_them(
    values: dict[str, Any], inputs: Inputs
) -> None:
    names = ("baseline", "proposed", "boxes-only", "listening")
    before = [config_of(name, values, inputs) for name in names]
    moved = [config_of(name, values, {**inputs, "clips": "1c"}) for name in names]
    renamed = [config_of(name, values, {**inputs, "category": "1d"}) for name in names]
    assert [a == b for a, b in zip(before, moved, strict=True)] == [False] * 4
    assert [a == b for a, b in zip(before, renamed, strict=True)] == [True, False, True, False]


def test_other_weights_of_the_encoder_change_the_plan_where_they_are_read(
    values: dict[str, Any], inputs: Inputs
) -> None:
    random = config_of("baseline", values, inputs)
    values["model"]["pretrained"] = True
    before = config_of("baseline", values, inputs)
    (inputs["pretrained"][0] / "a.npy").write_bytes(b"new")
    assert config_of("baseline", values, inputs) != before
    assert "pretrained" in before.inputs and "pretrained" not in random.inputs
