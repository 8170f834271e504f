from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.checkpoint.load import load_checkpoint
from pipeline.config.params import parse_params
from pipeline.config.run_config import make_run_config
from pipeline.model import Segmenter
from pipeline.training.objective import Objective
from pipeline.training.progress import checkpoint
from pipeline.utils.errors import PipelineError
from tests.helpers.published_names import published_state

CPU = torch.device("cpu")


@pytest.fixture
def ours(values: dict[str, Any]) -> dict[str, Any]:
    """A small checkpoint with crop heads, as training writes it."""
    values["model"].update(channels=8, tpavi_stages=[4], image_size=32)
    inputs: dict[str, Any] = dict.fromkeys(("clips", "category", "frames", "audio", "boxes", "crops"), "")
    plan = make_run_config("proposed", parse_params(values), ["cat", "dog"], inputs, Segmenter.SETTINGS)
    objective = Objective(plan)
    return checkpoint(objective.model, objective.heads, plan, 3, {"val/miou": 0.5})


def test_a_checkpoint_comes_back_ready_for_evaluation(ours: dict[str, Any], tmp_path: Path) -> None:
    torch.save(ours, tmp_path / "best.pt")
    found = load_checkpoint(tmp_path / "best.pt", CPU)
    assert (found.config.variant, found.epoch, found.val_miou) == ("proposed", 3, 0.5)
    assert not found.model.training and found.heads is not None and not found.heads.training
    assert all(torch.equal(v, ours["model"][k]) for k, v in found.model.state_dict().items())


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_checkpoint_of_the_published_code_is_taken_too(tmp_path: Path, wrapped: bool) -> None:
    net = Segmenter("resnet50", channels=16, tpavi_stages=[1, 4]).eval()
    state: dict[str, Any] = published_state(net)
    if wrapped:
        state = {"epoch": 3, "model": {f"module._orig_mod.{key}": value for key, value in state.items()}}
    torch.save(state, tmp_path / "S4.pth")
    found = load_checkpoint(tmp_path / "S4.pth", CPU)
    assert found.config.audio and found.config.model.image_size == 224
    model = found.config.model
    assert (model.backbone, model.channels, model.tpavi_stages) == ("resnet50", 16, [1, 4])
    frames, audio = torch.randn(1, 2, 3, 32, 32), torch.randn(1, 2, 128)
    with torch.no_grad():
        assert torch.equal(found.model(frames, audio).logits, net(frames, audio).logits)


def test_what_is_no_checkpoint_is_named(ours: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    with pytest.raises(PipelineError, match=r"best\.pt: no such file"):
        load_checkpoint(path, CPU)
    with pytest.raises(PipelineError, match=r"is a folder; give a checkpoint in it, as .*/best\.pt"):
        load_checkpoint(tmp_path, CPU)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(PipelineError, match=r"best\.pt: is not a file of weights that") as told:
        load_checkpoint(path, CPU)
    assert "weights_only" not in str(told.value)  # torch's advice to run what a stranger's file holds
    torch.save({"some.weight": torch.zeros(1)}, path)
    with pytest.raises(PipelineError, match=r"best\.pt: not a checkpoint of the published AVS code"):
        load_checkpoint(path, CPU)
    narrower = {**ours["config"], "model": {**ours["config"]["model"], "channels": 16}}
    for broken in (
        {key: value for key, value in ours.items() if key != "epoch"},
        {**ours, "config": narrower},
        {**ours, "config": {"variant": "baseline"}},
        [1, 2],
        torch.zeros(3),
    ):
        torch.save(broken, path)
        with pytest.raises(PipelineError, match=r"best\.pt: is not a checkpoint of this version") as error:
            load_checkpoint(path, CPU)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", ["model", "heads"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(
    ours: dict[str, Any], tmp_path: Path, part: str, value: float
) -> None:
    name, weights = next((name, each) for name, each in ours[part].items() if each.is_floating_point())
    weights[(0,) * weights.ndim] = value
    torch.save(ours, tmp_path / "best.pt")
    with pytest.raises(PipelineError, match=rf"best\.pt: its weights {name} are NaN or infinite"):
        load_checkpoint(tmp_path / "best.pt", CPU)


def test_published_weights_that_are_not_finite_are_named(tmp_path: Path) -> None:
    state = published_state(Segmenter("resnet50", channels=16, tpavi_stages=[4]).eval())
    weights = next(iter(state.values()))
    weights[(0,) * weights.ndim] = float("nan")
    torch.save(state, tmp_path / "S4.pth")
    with pytest.raises(PipelineError, match=r"S4\.pth: its weights .* are NaN or infinite"):
        load_checkpoint(tmp_path / "S4.pth", CPU)
