from __future__ import annotations

import pytest
import torch

from pipeline.training.fabric import make_fabric
from pipeline.utils.errors import PipelineError


def test_more_devices_than_there_are_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(PipelineError, match=r"train\.devices: 3 GPUs are asked for, this machine has 2"):
        make_fabric(3, "32-true")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)  # on cores alone any number may be
    assert make_fabric(1, "32-true").world_size == 1
