"""What each process of test_train_distributed.py does: `python distributed_worker.py TASK FOLDER`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from pipeline.config.params import Model
from pipeline.config.run_config import RunConfig
from pipeline.dataset.clips import Batch, ClipDataset, NegativeBatch
from pipeline.dataset.training import TrainingData
from pipeline.ops.distributed import synchronise_batch_norm
from pipeline.training.fabric import make_fabric
from pipeline.training.objective import Objective
from pipeline.training.resume import ResumeState
from pipeline.training.train import train
from tests.helpers.training_clips import Figures

TRAIN, VAL = np.arange(6), np.arange(6, 9)  # batches of 3 clips: shares of 2 and 1


def config_of(task: str = "av") -> RunConfig:
    """A run with the AVM loss "av" or "vv" and the crop terms; of the localiser ("trimap"); or with negative
    audio, judged by the mask and a gate ("mask") or by the gate alone ("gate").
    """
    gate = task in ("mask", "gate")
    terms = {"bce": 1.0, "avm": 0.5, "pseudo_masks": 0.5, "classification": 0.5, "similarity": 0.5}
    if gate:
        terms = {"bce": 1.0, "pseudo_masks": 0.5, "gate": 0.5} | (
            {"negatives": 0.5} if task == "mask" else {}
        )
    return RunConfig(
        network="localiser" if task == "trimap" else "segmenter",
        variant="proposed",
        model=Model(backbone="resnet18", channels=8, tpavi_stages=[3, 4], image_size=64, sound_gate=gate),
        loss={"trimap": 1.0} if task == "trimap" else terms,
        avm=task if task in ("av", "vv") else None,  # type: ignore[arg-type]
        categories=["dog", "piano"],
        epochs=2,
        batch_size=3,
        lr=1e-4,
        heads_lr=1e-4,
        schedule="constant",
        warmup_epochs=0,
        precision="32-true",
        keep_epochs=[],
        inputs={},
    )


def pack(folder: Path) -> None:
    """Nine clips of two frames; those labelled, and those with a crop, differ in number from clip to clip."""
    make = np.random.default_rng(0)
    np.save(folder / "frames.npy", make.integers(0, 256, (9, 2, 64, 64, 3), np.uint8))
    np.save(folder / "masks.npy", make.integers(0, 2, (9, 2, 64, 64), np.uint8))
    np.save(folder / "labelled.npy", np.array([[True, number % 2 == 0] for number in range(9)]))
    np.save(folder / "crops.npy", make.integers(0, 256, (6, 2, 32, 32, 3), np.uint8))
    np.save(folder / "present.npy", np.array([[True, number % 3 == 0] for number in range(6)]))
    np.save(folder / "boxes.npy", np.tile(np.array([0.25, 0.25, 0.75, 0.75], np.float32), (6, 2, 1)))
    np.save(folder / "pseudo_masks.npy", make.integers(0, 3, (6, 2, 64, 64), np.uint8))
    np.save(folder / "features.npy", make.standard_normal((9, 2, 128)).astype(np.float32))


def clips_of(folder: Path) -> ClipDataset:
    return ClipDataset(
        folder, np.load(folder / "features.npy"), folder, np.array([0, 1, 1] * 3), pseudo_masks=folder
    )


def with_negatives(batch: Batch, rows: np.ndarray, apart: bool) -> Batch:
    """The batch with another sound for each clip, of every second one silence; in each a corner is pasted."""
    make = torch.Generator().manual_seed(1)
    sounds = torch.randn(9, 2, 128, generator=make)[rows].double()
    laid = torch.zeros(len(rows), 2, 64, 64, dtype=torch.uint8)
    laid[..., 40:, 40:] = 1
    pictures = torch.randint(0, 256, (9, 2, 64, 64, 3), generator=make)[rows]
    negatives = NegativeBatch(sounds, torch.from_numpy(rows % 2 == 0), laid)
    separate = negatives._replace(frames=pictures) if apart else negatives._replace(targets=laid)
    return replace(batch, negatives=separate)


def gradients(folder: Path, task: str) -> dict[str, torch.Tensor]:
    """The loss of one batch of three clips, its gradients and the new running averages, in float64."""
    rank, world = (distributed.get_rank(), distributed.get_world_size()) if _many() else (0, 1)
    torch.manual_seed(0)
    objective = Objective(config_of(task)).double()
    objective.model.encoder.register_forward_pre_hook(lambda net, inputs: (inputs[0].double(),))
    for name, parameter in objective.named_parameters():
        if name.endswith("bn.weight"):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)  # at the start it is zero and hides the sound
    synchronise_batch_norm(objective, torch.device("cpu"))
    rows = np.arange(3)[rank::world]
    batch = clips_of(folder).load(rows)
    assert batch.audio is not None
    batch = replace(batch, audio=batch.audio.double())
    if task in ("mask", "gate"):
        batch = with_negatives(batch, rows, apart=task == "gate")
    net = DistributedDataParallel(objective, find_unused_parameters=True) if world > 1 else objective
    terms = net(batch)
    terms["loss"].backward()
    found = {f"gradient of {name}": p.grad for name, p in objective.named_parameters() if p.grad is not None}
    buffers = {name: value for name, value in objective.named_buffers() if "running" in name}
    return {**{name: term.detach() for name, term in terms.items()}, **found, **buffers}


def run(folder: Path, out: str, on_batch=lambda: None) -> list[dict[str, float]]:  # type: ignore[no-untyped-def]
    """Train by `pipeline.training.train` into folder/out; the figures that this process logged."""
    fabric = make_fabric(1, "32-true")
    fabric.launch()
    log, config = Figures(), config_of()
    resume = ResumeState(folder / out / ".resume", "proposed-1", config.fingerprint(1, "code"))
    train(
        config,
        1,
        TrainingData(clips_of(folder), TRAIN, VAL),
        folder / out,
        resume=resume,
        log=log,
        say=lambda line: None,
        fabric=fabric,
        on_batch=on_batch,
    )
    return log.epochs[:-1]


def _many() -> bool:
    return distributed.is_initialized()


def main(task: str, folder: Path) -> None:
    import os

    rank = os.environ["RANK"]
    if task in ("av", "vv", "trimap", "mask", "gate"):
        distributed.init_process_group("gloo")
        torch.save(gradients(folder, task), folder / f"{task}-{rank}.pt")
    else:
        torch.save(run(folder, task), folder / f"{task}-{rank}.pt")
    if _many():
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
