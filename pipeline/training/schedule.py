"""The learning-rate schedule: linear warm-up, then constant or cosine."""

from __future__ import annotations

import math

from pipeline.config.run_config import RunConfig


def learning_rate_factor(done: float, config: RunConfig) -> float:
    """The factor on the learning rates after `done` epochs, which may be a fraction: it changes by step."""
    if done < config.warmup_epochs:
        return done / config.warmup_epochs
    if config.schedule == "constant":
        return 1.0
    after = (done - config.warmup_epochs) / (config.epochs - config.warmup_epochs)
    return 0.5 * (1 + math.cos(math.pi * after))
