from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import Precision

from pipeline.config.params import Augment, Model
from pipeline.config.run_config import RunConfig
from pipeline.dataset.clips import ClipDataset
from pipeline.dataset.negative_sampler import NegativeSampler
from pipeline.metrics.listening import g_miou
from pipeline.training.resume import ResumeState
from pipeline.training.schedule import learning_rate_factor
from pipeline.training.train import train
from pipeline.training.validate import validate
from pipeline.utils.errors import PipelineError
from tests.helpers.training_clips import HEARS, TRAIN, Figures, config_of, data_of


class Interrupted(Exception):
    pass


def go(
    config: RunConfig,
    data: Path,
    base: Path,
    out: str,
    *,
    seed: int = 1,
    say: Callable[[str], None] = lambda line: None,
    on_batch: Callable[[], None] = lambda: None,
    accelerator: str = "cpu",
) -> list[dict[str, float]]:
    """Train into base/out and return the logged figures."""
    figures = Figures()
    train(
        config,
        seed,
        data_of(config, data, seed),
        base / out,
        resume=ResumeState(base / ".resume", f"{config.variant}-{seed}", config.fingerprint(seed, "code")),
        log=figures,
        say=say,
        fabric=Fabric(accelerator=accelerator, devices=1, precision=config.precision),
        on_batch=on_batch,
    )
    return figures.epochs[:-1]


def stop_in_epoch_2() -> Callable[[], None]:
    steps = iter(range(100))

    def stop() -> None:
        if next(steps) == 2:  # two steps an epoch
            raise Interrupted

    return stop


def load(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def same(one: Any, other: Any) -> bool:
    """Exactly equal, tensors included."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.fixture(scope="module")
def whole(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunConfig, Path, list[dict[str, float]]]:
    """An uninterrupted run: its config, its files and its figures."""
    config, base = config_of("proposed"), tmp_path_factory.mktemp("whole")
    return config, base, go(config, data, base, "out")


def test_what_a_run_writes(whole: tuple[RunConfig, Path, list[dict[str, float]]]) -> None:
    config, base, figures = whole
    files = {path.stem: load(path) for path in (base / "out").iterdir()}
    assert files.keys() == {"best", "last", "epoch-1", "epoch-2"}
    assert [files[name]["epoch"] for name in ("last", "epoch-1", "epoch-2")] == [2, 1, 2]
    assert not same(files["epoch-1"]["model"], files["last"]["model"])
    assert RunConfig.model_validate(files["last"]["config"]) == config
    assert (files["last"]["heads"] is not None) == config.reads("crops")
    scores = [epoch["val/miou"] for epoch in figures]
    assert len(scores) == 2 and files["best"]["val_miou"] == files["best"]["score"] == max(scores)
    assert files["best"]["epoch"] == scores.index(max(scores)) + 1
    assert list((base / ".resume").iterdir()) == []


def test_validation_under_another_sound(data: Path) -> None:
    """A network that fills the frame for the sounds of clips with an even number, and else draws nothing."""
    audio = np.arange(6, dtype=np.float32)[:, None, None].repeat(2, 1).repeat(128, 2)
    sounds = NegativeSampler(audio, -audio, [0, 1] * 3, TRAIN, share=1.0, copy_paste=1.0, seed=1)
    clips = ClipDataset(data, audio, data, np.zeros(6), sounds)
    clips.masks = np.ones(clips.masks.shape, np.uint8)

    class Even(torch.nn.Module):
        def forward(self, frames: torch.Tensor, audio: torch.Tensor) -> SimpleNamespace:
            full = 10.0 - 20.0 * (audio[..., 0] % 2)
            return SimpleNamespace(logits=full[..., None, None].expand(*full.shape, *frames.shape[-2:]))

    fabric = Fabric(accelerator="cpu", devices=1)
    found = validate(Even(), fabric, clips, np.array([4]), 2)  # type: ignore[arg-type]
    assert found == pytest.approx({"val/miou": 1, "val/miou_other": 0, "val/g_miou": 1}, abs=1e-6)
    found = validate(Even(), fabric, clips, np.array([5]), 2)  # type: ignore[arg-type]
    assert found == pytest.approx({"val/miou": 0, "val/miou_other": 1, "val/g_miou": 0}, abs=1e-6)


@pytest.mark.parametrize(("hears", "best"), [(False, 1), (True, 2)])
def test_what_the_best_checkpoint_has_most_of(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hears: bool, best: int
) -> None:
    """After the first epoch M_J is higher, but the masks do not depend on the sound."""
    script = iter(
        [
            {"val/miou": 0.8} | ({"val/g_miou": g_miou(0.8, 0.8)} if hears else {}),
            {"val/miou": 0.7} | ({"val/g_miou": g_miou(0.7, 0.1)} if hears else {}),
        ]
    )
    monkeypatch.setattr("pipeline.training.train.validate", lambda *arguments: next(script))
    go(config_of("listening", loss=HEARS) if hears else config_of(), data, tmp_path, "out")
    assert load(tmp_path / "out/best.pt")["epoch"] == best


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    whole: tuple[RunConfig, Path, list[dict[str, float]]], data: Path, tmp_path: Path
) -> None:
    config, base, figures = whole
    with pytest.raises(Interrupted):
        go(config, data, tmp_path, "out", on_batch=stop_in_epoch_2())
    assert not (tmp_path / "out").exists()
    lines: list[str] = []
    resumed = go(config, data, tmp_path, "out", say=lines.append)
    assert [line.split("  ")[0] for line in lines[1:]] == ["epoch 2/2"]
    assert "after epoch 1" in lines[0]
    assert resumed == figures
    for path in (base / "out").iterdir():
        assert same(load(path), load(tmp_path / "out" / path.name)), path.name


def test_a_changed_plan_does_not_resume_and_the_same_seed_gives_the_same_weights(
    whole: tuple[RunConfig, Path, list[dict[str, float]]], data: Path, tmp_path: Path
) -> None:
    config, base, _ = whole
    other = config.model_copy(update={"lr": 0.5})
    with pytest.raises(Interrupted):
        go(other, data, tmp_path, "out", on_batch=stop_in_epoch_2())
    lines: list[str] = []
    go(config, data, tmp_path, "out", say=lines.append)
    assert lines[0].startswith("epoch 1/2")
    assert same(load(base / "out" / "last.pt"), load(tmp_path / "out" / "last.pt"))
    stranger = ResumeState(tmp_path / ".resume", "proposed-1", config.fingerprint(1, "code")).stale_states()
    assert [old["lr"] for _, old in stranger] == [0.5]


def test_another_seed_gives_other_weights(data: Path, tmp_path: Path) -> None:
    config = config_of(epochs=1, keep_epochs=[])
    go(config, data, tmp_path, "a", seed=1)
    go(config, data, tmp_path, "b", seed=2)
    assert not same(load(tmp_path / "a/last.pt")["model"], load(tmp_path / "b/last.pt")["model"])


@pytest.mark.parametrize(
    ("accelerator", "backbone", "precision"),
    [
        ("cpu", "resnet18", "32-true"),
        ("cpu", "resnet18", "bf16-mixed"),
        pytest.param("cuda", "resnet18", "32-true", marks=pytest.mark.gpu),
        pytest.param("cuda", "resnet18", "bf16-mixed", marks=pytest.mark.gpu),
        pytest.param("cuda", "resnet18", "16-mixed", marks=pytest.mark.gpu),
        pytest.param("cuda", "pvt_v2_b5", "32-true", marks=pytest.mark.gpu),
    ],
)
def test_a_seed_gives_the_same_weights_again(
    data: Path, tmp_path: Path, accelerator: str, backbone: Any, precision: str
) -> None:
    model = Model(backbone=backbone, channels=8, tpavi_stages=[4], image_size=32)
    changes: dict[str, Any] = {"loss": HEARS, "augment": Augment(flip=True, scale=0.2, colour=0.2)}
    config = config_of("listening", epochs=1, keep_epochs=[], precision=precision, model=model, **changes)
    for out in ("a", "b"):
        go(config, data, tmp_path / out, "out", accelerator=accelerator)
    a, b = (load(tmp_path / out / "out" / "last.pt") for out in ("a", "b"))
    assert same(a["model"], b["model"])


def test_a_listening_run_resumes_exactly_too(data: Path, tmp_path: Path) -> None:
    """Negative audio and augmentation are drawn again in a resumed run: the same ones."""
    weights = HEARS | {"pseudo_masks": 0.5, "classification": 0.1}
    config = config_of(
        "listening",
        loss=weights,
        categories=["dog", "piano"],
        heads_lr=0.001,
        augment=Augment(flip=True, scale=0.2, colour=0.2),
    )
    whole = go(config, data, tmp_path / "a", "out")
    assert {"train/pseudo_masks", "train/negatives", "train/classification"} <= whole[0].keys()
    with pytest.raises(Interrupted):
        go(config, data, tmp_path / "b", "out", on_batch=stop_in_epoch_2())
    assert go(config, data, tmp_path / "b", "out") == whole
    assert same(load(tmp_path / "a/out/last.pt"), load(tmp_path / "b/out/last.pt"))


@pytest.mark.parametrize("variant", ["baseline", "proposed", "listening"])
def test_mixed_precision_ends_near_float32(data: Path, tmp_path: Path, variant: str) -> None:
    changes = {"loss": HEARS} if variant == "listening" else {}
    config = config_of(variant, epochs=1, keep_epochs=[], **changes)
    exact, mixed = (
        go(config.model_copy(update={"precision": precision}), data, tmp_path / precision, "out")[0]
        for precision in ("32-true", "bf16-mixed")
    )
    assert mixed["train/loss"] == pytest.approx(exact["train/loss"], rel=0.05)
    assert mixed["train/loss"] != exact["train/loss"]


def test_learning_rate_by_hand() -> None:
    cosine = config_of(epochs=5, warmup_epochs=1)  # warm-up, then half a cosine over the other four
    factors = [learning_rate_factor(done, cosine) for done in (0, 0.5, 1, 2, 3, 5)]
    assert factors == pytest.approx([0, 0.5, 1, 0.5 + 0.5**1.5, 0.5, 0])
    constant = config_of(epochs=4, warmup_epochs=2, schedule="constant")
    assert [learning_rate_factor(done, constant) for done in (0, 1, 2, 3)] == [0, 0.5, 1, 1]


def test_a_loss_that_is_no_number_stops_the_run(data: Path, tmp_path: Path) -> None:
    config = config_of(lr=1e30)
    with pytest.raises(
        PipelineError, match=r"baseline-1: the loss is not finite in epoch \d .*bce .*train\.lr"
    ):
        go(config, data, tmp_path, "out")
    assert not (tmp_path / "out").exists()


def test_equal_runs_write_equal_bytes(
    whole: tuple[RunConfig, Path, list[dict[str, float]]], data: Path, tmp_path: Path
) -> None:
    """So that DVC evaluates anew only what was trained to other weights."""
    config, base, _ = whole
    go(config, data, tmp_path, "again")
    for path in (base / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_the_loss_scale_of_half_precision_is_resumed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16-mixed needs a GPU: here the precision's state is one that a test can see."""
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(Precision, "state_dict", lambda self: {"scale": 128.0})
    monkeypatch.setattr(Precision, "load_state_dict", lambda self, state: given.append(state))
    with pytest.raises(Interrupted):
        go(config_of(), data, tmp_path, "out", on_batch=stop_in_epoch_2())
    assert given == []
    go(config_of(), data, tmp_path, "out")
    assert given == [{"scale": 128.0}]


def test_what_a_network_draws_at_random_is_drawn_anew_by_a_resumed_run(data: Path, tmp_path: Path) -> None:
    """Drop path draws from torch's own generators, of every device."""
    seen: dict[str, list[float]] = {}

    def note(name: str) -> Callable[[], None]:
        seen[name] = []
        return lambda: seen[name].append(torch.rand(()).item())

    go(config_of(), data, tmp_path / "a", "out", on_batch=note("whole"))
    stop = stop_in_epoch_2()
    with pytest.raises(Interrupted):
        go(config_of(), data, tmp_path / "b", "out", on_batch=stop)
    go(config_of(), data, tmp_path / "b", "out", on_batch=note("rest"))
    assert seen["whole"][-len(seen["rest"]) :] == seen["rest"] and len(set(seen["whole"])) == 4
