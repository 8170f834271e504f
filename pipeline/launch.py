"""How many processes train, and where: Lightning Fabric by params, or by torchrun."""

from __future__ import annotations

import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy


def make_fabric(devices: int, precision: Any) -> Fabric:
    """Fabric for `devices` processes on this machine's GPUs, or on its cores where it has none.

    Under `torchrun` the number of processes and machines is torchrun's, and `devices` is not read.
    """
    machines = 1
    if "TORCHELASTIC_RUN_ID" in os.environ:
        devices, machines = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
    return Fabric(
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        devices=devices,
        num_nodes=machines,
        # a variant without sound leaves layers unused, which DDP must be told to expect
        strategy=DDPStrategy(find_unused_parameters=True) if devices * machines > 1 else "auto",
        precision=precision,
    )
