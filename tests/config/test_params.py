from __future__ import annotations

import contextlib

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.params import Params, load_params, parse_params, read_yaml
from pipeline.config.renamed import RENAMED
from pipeline.utils.errors import PipelineError


def test_the_repository_s_params_are_valid(root):
    assert load_params(root / "params.yaml").data.source == "demo"


def test_lambda_is_mapped(values):
    values["loss"]["lambda"] = 0.25
    assert parse_params(values).loss.weight("lambda") == 0.25


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("train", "epoch", 3),
        ("loss", "lambda_typo", 0.5),
        ("demo", "colour", "red"),
    ],
)
def test_an_unknown_key_is_named(values, group, key, value):
    values[group][key] = value
    with pytest.raises(PipelineError, match=rf"{group}\.{key}: unknown key"):
        parse_params(values)


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("train", "epochs", "many"),
        ("train", "epochs", 2.5),
        ("train", "epochs", 0),
        ("train", "precision", "int4"),
        ("train", "seeds", [1, 1]),  # would count as two trainings
        ("train", "seeds", [-1]),
        ("train", "seeds", [2**32]),
        ("train", "lr", float("inf")),
        ("train", "variants", ["baseline", "listenning"]),  # and not after all data stages
        ("loss", "pseudo_masks", float("inf")),
        ("loss", "pseudo_masks", float("nan")),
        ("compute", "jobs", 0),
        ("evaluate", "seed", 2**32),
        ("train", "variants", ["baseline", "baseline"]),
        ("evaluate", "seed", -1),
        ("audio", "seed", -1),
        ("audio", "weights", "/elsewhere/vggish.pth"),  # DVC would not see it change
        ("audio", "weights", "weights/../vggish.pth"),
        ("model", "initial", "models/baseline-1/best.pt"),
        ("model", "image_size", 100),
        ("model", "backbone", 18),
        ("model", "pretrained", "yes"),
        ("model", "tpavi_stages", [2, 2]),
        ("model", "tpavi_stages", []),
        ("loss", "lambda", -1.0),
        ("loss", "avm", "va"),
        ("data", "source", "avsbench"),
        ("demo", "categories", 24),
        ("train", "keep_epochs", [0]),
        ("train", "negatives", {"share": 0.0}),
        ("loss", "gate", 0.1),  # without model.sound_gate
    ],
)
def test_a_wrong_value_is_named(values, group, key, value):
    values[group][key] = value
    with pytest.raises(PipelineError, match=rf"{group}\.{key}"):
        parse_params(values)


def test_a_missing_key_is_named(values):
    del values["train"]["lr"]
    with pytest.raises(PipelineError, match=r"train\.lr: is missing"):
        parse_params(values)


def test_every_problem_is_listed_at_once(values):
    values["train"]["epochs"] = -1
    values["loss"]["nonsense"] = 1
    with pytest.raises(PipelineError) as caught:
        parse_params(values)
    assert "train.epochs" in str(caught.value) and "loss.nonsense" in str(caught.value)


@pytest.mark.parametrize("key", RENAMED)
def test_an_old_key_gets_an_error_that_says_what_became_of_it(values, key):
    section, name = key.split(".")
    values[section][name] = 1
    with pytest.raises(PipelineError, match=rf"^params\.yaml:\n  {key}: (is now|was removed)") as caught:
        parse_params(values)
    if "is now" in RENAMED[key]:
        new = RENAMED[key].split()[2].split(".")
        part = values
        for step in new:  # the key that it names exists
            part = part[step]
    assert len(str(caught.value).splitlines()) == 2


def test_a_wrong_section_is_named_without_all_its_values(values):
    values["train"]["warmup_epochs"] = values["train"]["epochs"] + 1.0
    with pytest.raises(PipelineError) as caught:
        parse_params(values)
    assert len(str(caught.value)) < 200


def test_the_rate_reaches_its_height(values):
    values["train"] |= {"epochs": 2, "warmup_epochs": 2.0}
    parse_params(values)
    values["train"]["warmup_epochs"] = 2.5
    with pytest.raises(PipelineError, match=r"warmup_epochs: 2\.5 of 2 epochs"):
        parse_params(values)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(PipelineError, match=r"nowhere\.yaml: no such file"):
        load_params(tmp_path / "nowhere.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    with pytest.raises(PipelineError, match=r"broken\.yaml: is not YAML"):
        load_params(tmp_path / "broken.yaml")


@pytest.mark.parametrize("number", ["1e-5", "0.00001", "1E-4", "2e+0", "5.0e-05"])
def test_dvc_s_small_numbers_are_numbers(tmp_path, root, number):
    """`dvc exp run -S train.lr=0.00001` writes 1e-05, which YAML 1.1 takes for a text."""
    path = tmp_path / "params.yaml"
    path.write_text((root / "params.yaml").read_text())
    apply_overrides(path, [f"train.lr={number}", "loss.negatives=5e-5"])
    assert load_params(path).train.lr == float(number)
    assert load_params(path).loss.weight("negatives") == 5e-5


def test_only_numbers_are_numbers():
    assert read_yaml("a: [1e-4, -2E3, 16-mixed, '1e-4', e5, 1e, x1e5]") == {
        "a": [1e-4, -2000.0, "16-mixed", "1e-4", "e5", "1e", "x1e5"]
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_no_yaml_gives_anything_but_params_or_a_named_error(value):
    text = yaml.safe_dump(value)
    with contextlib.suppress(PipelineError):
        assert isinstance(parse_params(yaml.safe_load(text)), Params)
