from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from pipeline.config.params import Augment, Model
from pipeline.dataset.clips import Batch
from pipeline.training.resume import ResumeState
from pipeline.training.step import WARM_UP, CUDAGraphStep, eager_step, set_rates, why_no_cuda_graph
from pipeline.training.train import TrainOptions, train
from pipeline.utils.errors import PipelineError
from tests.helpers.training_clips import HEARS, Figures, config_of, data_of


@pytest.mark.parametrize(
    ("device", "processes", "precision", "checkpointing", "why"),
    [
        ("cuda", 1, "32-true", False, ""),
        ("cuda", 1, "bf16-mixed", False, ""),
        ("cuda", 1, "16-mixed", False, "loss scale"),
        ("cuda", 2, "32-true", False, "one process"),
        ("cuda", 1, "32-true", True, "checkpointing"),
        ("cpu", 1, "32-true", False, "no GPU"),
    ],
)
def test_what_can_be_captured(
    device: str, processes: int, precision: str, checkpointing: bool, why: str
) -> None:
    fabric: Any = SimpleNamespace(device=torch.device(device), world_size=processes)
    found = why_no_cuda_graph(fabric, precision, checkpointing)
    assert why in found and bool(why) == bool(found)


def test_training_says_why_it_is_not_captured(data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    train(
        config_of(epochs=1, keep_epochs=[]),
        1,
        data_of(config_of(), data, 1),
        tmp_path,
        resume=ResumeState(tmp_path / ".resume", "run", "run"),
        log=None,
        say=said.append,
        fabric=Fabric(accelerator="cpu", devices=1),
        options=TrainOptions(cuda_graph=True),
    )
    assert said[0] == "train.cuda_graph: not used: there is no GPU"


class Summing:
    """A step whose one term is the sum of its batch's frames."""

    def __init__(self) -> None:
        self.memory: tuple[Any, torch.Tensor] = ([], torch.zeros(()))

    def __call__(self, batches: Any) -> list[dict[str, torch.Tensor]]:
        self.memory = batches, batches[0].frames.sum()
        return [{"loss": self.memory[1]}]


class Recorder:
    """In the place of torch.cuda: replays a `Summing` as a graph would, on the memory that was recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: Summing) -> None:
        self.step, self.memory = step, step.memory
        self.recorded = self.replayed = 0
        stream = SimpleNamespace(wait_stream=lambda other: None)
        event = SimpleNamespace(synchronize=lambda: None, record=lambda: None)
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        monkeypatch.setattr(torch.cuda, "Event", lambda: event)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: SimpleNamespace(replay=self.replay))
        monkeypatch.setattr(torch.cuda, "graph", self.record)

    @contextmanager
    def record(self, graph: Any, stream: Any, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"  # another thread asks for page-locked memory meanwhile
        yield
        self.recorded += 1
        self.memory = self.step.memory
        self.memory[1].fill_(torch.nan)  # a recording computes nothing

    def replay(self) -> None:
        self.replayed += 1
        batches, term = self.memory
        term.copy_(batches[0].frames.sum())


def batch_of(value: float, clips: int = 2) -> Batch:
    frames = torch.full((clips, 1), value)
    return Batch(frames, torch.zeros(clips), torch.ones(clips, dtype=torch.bool), torch.arange(clips))


def test_a_captured_step_reads_each_batch_and_takes_odd_ones_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Summing()
    cuda = Recorder(monkeypatch, step)
    rare: list[str] = []

    @contextmanager
    def rarely() -> Iterator[None]:
        rare.append("in")
        yield

    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([weight], lr=0.5, fused=True)
    captured = CUDAGraphStep(step, optimizer, torch.device("cpu"), rarely)
    (group,) = optimizer.param_groups
    assert group["capturable"] and group["lr"].item() == 0.5  # on the device from now on
    losses = []
    for value in range(1, WARM_UP + 4):
        losses.append(captured([batch_of(float(value))])[0]["loss"].item())
        if value in (1, WARM_UP + 2):  # an epoch's last, before and after the recording
            assert captured([batch_of(10.0, clips=1)])[0]["loss"].item() == 10.0
    assert losses == [2.0 * value for value in range(1, WARM_UP + 4)]  # of each its own
    assert (cuda.recorded, cuda.replayed) == (1, 3) and rare == ["in", "in"]


def test_a_step_that_cannot_be_recorded_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorder(monkeypatch, Summing())
    calls = iter(range(100))

    def step(batches: Any) -> Any:
        if next(calls) == WARM_UP:
            raise RuntimeError("operation not permitted\nwhile capturing")
        return [{}]

    captured = CUDAGraphStep(step, SimpleNamespace(param_groups=[]), torch.device("cpu"))
    for _ in range(WARM_UP):
        captured([batch_of(0.0)])
    with pytest.raises(PipelineError, match=r"cuda_graph: .*\(operation not permitted\); set it to false"):
        captured([batch_of(0.0)])


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
    terms = eager_step(wrapped, optimizer, fabric)([2.0, 4.0])  # type: ignore[list-item]
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
    assert not copy.has_mask.any() and copy.audio is None
    assert one.frames.tolist() == [[0.0, 0.0]]


VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "proposed": {},
    "listening": {"loss": HEARS, "augment": Augment(flip=True, scale=0.2, colour=0.2)},
    "gated": {
        "variant": "listening",
        "loss": {"bce": 1.0, "pseudo_masks": 1.0, "gate": 0.1},
        "augment": Augment(flip=True),
    },
    "matched": {"variant": "baseline", "loss": {"bce": 1.0, "avm": 0.5}, "avm": "av"},
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
    gate = name == "gated"
    model = Model(backbone=backbone, channels=8, tpavi_stages=[4], image_size=32, sound_gate=gate)
    changes = {"epochs": 7, "keep_epochs": [], "batch_size": 3, "model": model, "precision": precision}
    if name == "accumulated":
        changes["batch_size"] = 1
    config = config_of(**{"variant": name, **VARIANTS[name], **changes})

    def go(out: str) -> list[dict[str, float]]:
        figures = Figures()
        train(
            config,
            1,
            data_of(config, data, 1),
            tmp_path / out,
            resume=ResumeState(tmp_path / ".resume", out, "run"),
            log=figures,
            say=lambda line: None,
            fabric=Fabric(accelerator="cuda", devices=1, precision=precision),  # type: ignore[arg-type]
            options=TrainOptions(cuda_graph=True),
        )
        return figures.epochs[:-1]

    steps: list[CUDAGraphStep] = []
    monkeypatch.setattr(
        "pipeline.training.train.CUDAGraphStep",
        lambda *given: steps.append(CUDAGraphStep(*given)) or steps[-1],
    )
    captured = go("captured")
    monkeypatch.setattr("pipeline.training.step.WARM_UP", 1000)  # nothing is captured
    plain = go("plain")
    assert steps[0].graph is not None and steps[1].graph is None
    for one, other in zip(plain, captured, strict=True):
        assert other == pytest.approx(one, rel=0.01, abs=0.01)
