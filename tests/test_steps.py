from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from test_train import HEARS, TRAIN, VAL, Figures, clips_of, data, plan_of
from torch import nn

from pipeline.batches import Batch
from pipeline.params import Augment, Model
from pipeline.plan import LossWeights
from pipeline.resume import ResumeState
from pipeline.steps import can_capture, plain_step, set_rates
from pipeline.train import train

__all__ = ["data"]  # a fixture


@pytest.mark.parametrize(
    ("device", "processes", "precision", "can"),
    [
        ("cuda", 1, "32-true", True),
        ("cuda", 1, "bf16-mixed", True),
        ("cuda", 1, "16-mixed", False),  # its loss scale is read by the host
        ("cuda", 2, "32-true", False),
        ("cpu", 1, "32-true", False),
    ],
)
def test_what_can_be_captured(device: str, processes: int, precision: str, can: bool) -> None:
    fabric: Any = SimpleNamespace(device=torch.device(device), world_size=processes)
    assert can_capture(fabric, precision) is can


def test_rates_on_a_device_are_set_in_place() -> None:
    numbers, on_device = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    rate = torch.tensor(1.0)
    optimizer = torch.optim.Adam([{"params": [numbers], "lr": 1.0}, {"params": [on_device], "lr": rate}])
    set_rates(optimizer, [0.5, 0.25])
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.param_groups[1]["lr"] is rate and rate.item() == 0.25


def test_terms_of_a_step_hold_no_graph_of_gradients() -> None:
    class Line(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(()))

        def forward(self, batch: float, batches: int) -> dict[str, torch.Tensor]:
            return {"loss": batch * self.w, "other": self.w.square()}

    model, fabric = Line(), Fabric(accelerator="cpu", devices=1)
    wrapped, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=1.0))
    terms = plain_step(wrapped, optimizer, fabric)([2.0, 4.0])  # type: ignore[list-item]
    assert [{name: value.item() for name, value in of.items()} for of in terms] == [
        {"loss": 2.0, "other": 1.0},
        {"loss": 4.0, "other": 1.0},
    ]
    assert not any(value.requires_grad for of in terms for value in of.values())
    assert model.w.item() == 1 - 3  # the mean gradient


def test_a_batch_takes_anothers_values_in_place() -> None:
    one = Batch(torch.zeros(1, 2), torch.ones(1), torch.tensor([True]), torch.tensor([3]))
    copy = one.clone()
    frames = copy.frames
    copy.copy_(Batch(torch.full((1, 2), 5.0), torch.zeros(1), torch.tensor([False]), torch.tensor([4])))
    assert copy.frames is frames and frames.tolist() == [[5.0, 5.0]] and copy.rows.tolist() == [4]
    assert not copy.labelled.any() and copy.audio is None
    assert one.frames.tolist() == [[0.0, 0.0]]


VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "proposed": {},
    "listening": {"loss": HEARS, "augment": Augment(flip=True, scale=0.2, colour=0.2)},
    "gated": {
        "variant": "listening",
        "loss": LossWeights(outlines=1.0, gate=0.1, negative_share=0.5, pasted_share=0.5),
        "augment": Augment(flip=True),
    },
    "matched": {"variant": "baseline", "loss": LossWeights(lambda_=0.5, avm="av")},
    "accumulated": {"variant": "baseline", "accumulate": 2},
}


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("name", "backbone", "precision"),
    [
        *((name, "resnet18", "32-true") for name in VARIANTS),
        ("gated", "resnet18", "bf16-mixed"),
        ("listening", "pvt_v2_b5", "32-true"),
    ],
)
def test_a_captured_step_trains_as_a_plain_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, backbone: Any, precision: str
) -> None:
    """Seven epochs of two steps, more than warm up; each with a last batch of another size."""
    model = Model(backbone=backbone, channels=8, tpavi_stages=[4], image_size=32)
    changes = {"epochs": 7, "keep_epochs": [], "batch_size": 3, "model": model, "precision": precision}
    if name == "accumulated":
        changes["batch_size"] = 1
    plan = plan_of(**{"variant": name, **VARIANTS[name], **changes})

    def go(out: str) -> list[dict[str, float]]:
        figures = Figures()
        train(
            plan,
            1,
            clips_of(plan, data, 1),
            TRAIN,
            VAL,
            tmp_path / out,
            resume=ResumeState(tmp_path / ".resume", out, "run"),
            log=figures,
            say=lambda line: None,
            fabric=Fabric(accelerator="cuda", devices=1, precision=precision),  # type: ignore[arg-type]
            captured=True,
        )
        return figures.epochs[:-1]

    captured = go("captured")
    monkeypatch.setattr("pipeline.steps.WARM_UP", 1000)  # nothing is captured
    plain = go("plain")
    for one, other in zip(plain, captured, strict=True):
        assert other == pytest.approx(one, rel=0.01, abs=0.01)
