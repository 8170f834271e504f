"""Two processes on the CPU give what one gives: losses, gradients, batch norm, validation, files, resume."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pipeline.data.catalog import to_frame, write_catalog
from pipeline.data.clip import Clip
from tests.helpers import distributed_worker as worker
from tests.helpers.paths import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without distributed"),
]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **more}


def two_processes(task: str, folder: Path) -> list[Any]:
    """Run the worker as `torchrun --nproc-per-node 2` would; what each process saved."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1", "GROUP_RANK": "0"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "helpers" / "distributed_worker.py"), task, str(folder)],
            env=environment(RANK=rank, LOCAL_RANK=rank, **shared),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in ("0", "1")
    ]
    for process in processes:
        printed, _ = process.communicate(timeout=400)
        assert process.returncode == 0, printed
    return [torch.load(folder / f"{task}-{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    worker.pack(folder)
    return folder


TERMS = {
    "av": {"bce", "avm", "classification", "similarity", "pseudo_masks"},
    "trimap": {"trimap"},
    "mask": {"bce", "pseudo_masks", "negatives", "gate"},
    "gate": {"bce", "pseudo_masks", "gate"},
}


@pytest.mark.parametrize("task", ["av", "vv", "trimap", "mask", "gate"])
def test_losses_gradients_and_running_averages(packed: Path, task: str) -> None:
    alone = worker.gradients(packed, task)
    assert TERMS["av" if task == "vv" else task] < alone.keys()
    for found in two_processes(task, packed):
        assert found.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(
                found[name], value, rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
            )


class Interrupted(Exception):
    pass


def test_a_run_of_one_process_goes_on_with_two(packed: Path) -> None:
    """One process trains an epoch and stops; two finish; the figures are those of one from start to end."""
    whole = worker.run(packed, "whole")
    steps = iter(range(10))

    def stop() -> None:
        if next(steps) == 2:  # two steps an epoch
            raise Interrupted

    with pytest.raises(Interrupted):
        worker.run(packed, "resumed", stop)
    first, second = two_processes("resumed", packed)
    assert second == []  # the second process logs nothing
    assert [epoch.keys() for epoch in first] == [epoch.keys() for epoch in whole]
    assert first[0] == whole[0]
    for name, value in whole[1].items():
        # M_J of a nearly untrained network: a rounding can turn single pixels of 6 x 4096. Of fewer clips at
        # once a convolution may be computed in another way, whose rounding Adam's first steps blow up
        close = {"abs": 2e-3} if name == "val/miou" else {"rel": 1e-3, "abs": 1e-4}
        assert first[1][name] == pytest.approx(value, **close), name
    ours, theirs = (torch.load(packed / out / "last.pt", weights_only=True) for out in ("resumed", "whole"))
    assert ours["epoch"] == theirs["epoch"] == 2
    for name, value in theirs["model"].items():
        # Adam moves a weight by at most about its rate a step, whichever way rounding turns a zero gradient
        assert (ours["model"][name] - value).abs().max() <= 3 * 2 * 1e-4 + 1e-3 * value.abs().max(), name
    assert list((packed / "resumed" / ".resume").iterdir()) == []


def test_the_stage_with_two_devices(packed: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    """`train.devices: 2` starts the second process by itself; one log and one set of files are written."""
    frames = tmp_path / "data" / "frames"
    shutil.copytree(packed, frames, ignore=shutil.ignore_patterns("*.pt", "whole", "resumed"))
    for name in ("audio", "crops", "pseudo_masks"):
        shutil.copytree(frames, tmp_path / "data" / name)
    splits = ["train"] * 6 + ["val"] * 3
    rows = [
        Clip(f"clip{i}", category, split, 0, f"{i}.mp4", None, None, [None] * 5, None, None, None)
        for i, (split, category) in enumerate(zip(splits, ["dog_barking"] * 9, strict=True))
    ]
    write_catalog(tmp_path / "data" / "catalog.parquet", to_frame(rows))
    inputs = dict.fromkeys(("frames", "audio", "boxes", "crops", "pseudo_masks"), "")
    update = {"categories": ["dog_barking", "piano"], "inputs": inputs}
    config = worker.config_of().model_copy(update=update)
    (tmp_path / "data" / "plan").mkdir()
    (tmp_path / "data" / "plan" / "proposed.json").write_text(json.dumps(config.model_dump(mode="json")))
    found = {}
    for devices in (1, 2):
        values["train"]["devices"] = devices
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
        done = subprocess.run(
            [sys.executable, "-m", "stages.train", "proposed", "1"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout
        assert [
            line.split("  ")[1] for line in done.stdout.splitlines() if "epoch" in line and "loss" in line
        ] == [
            "epoch 1/2",
            "epoch 2/2",
        ], done.stdout
        log = tmp_path / "logs" / "proposed-1" / "plots" / "metrics" / "train" / "loss.tsv"
        found[devices] = np.loadtxt(log, skiprows=1)[:, -1]
        shutil.move(tmp_path / "logs", tmp_path / f"logs{devices}")
        shutil.move(tmp_path / "models", tmp_path / f"models{devices}")
    assert len(found[2]) == 2
    np.testing.assert_allclose(found[2], found[1], rtol=1e-3)
    assert {p.name for p in (tmp_path / "models2" / "proposed-1").iterdir()} == {"best.pt", "last.pt"}
