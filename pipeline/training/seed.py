"""Random seeds and deterministic algorithms."""

from __future__ import annotations

import numpy as np
import torch


def seed_everything(*seeds: int) -> None:
    """Seed torch on every device from one or more numbers, and ask it for deterministic algorithms.

    Of the kernels for attention (PVT-v2's) the memory-efficient one is left out: on a GPU it adds in another
    order each time unless operations without a deterministic form are errors, and the encoder's keys are few.
    """
    one = seeds[0] if len(seeds) == 1 else int(np.random.SeedSequence(seeds).generate_state(1)[0])
    torch.manual_seed(one)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # else every new tensor is filled with NaN, in case that something reads what nothing wrote
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cuda.enable_mem_efficient_sdp(False)
