"""Lightning Fabric: how many processes train, and where, by params or by torchrun."""

from __future__ import annotations

import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from pipeline.utils.errors import PipelineError


def make_fabric(devices: int, precision: Any) -> Fabric:
    """Fabric for `devices` processes on this machine's GPUs, or on its cores where it has none.

    Under `torchrun` the number of processes and machines is torchrun's, and `devices` is not read.

    Raises `PipelineError` where the machine has GPUs, but fewer than `devices`.
    """
    machines = 1
    # read when CUDA starts: without it cuBLAS may add in another order each time
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        devices, machines = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
    if 0 < torch.cuda.device_count() < devices:
        raise PipelineError(
            f"train.devices: {devices} GPUs are asked for, this machine has {torch.cuda.device_count()}; ask "
            "for no more, by train.devices or torchrun's --nproc-per-node."
        )
    return Fabric(
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        devices=devices,
        num_nodes=machines,
        # a variant without sound leaves layers unused, which DDP must be told to expect
        strategy=DDPStrategy(find_unused_parameters=True) if devices * machines > 1 else "auto",
        precision=precision,
    )
