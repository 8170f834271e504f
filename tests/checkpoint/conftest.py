"""PVT-v2-b5 has 82 million weights to draw: the tests share one."""

from __future__ import annotations

import pytest
import torch

from pipeline.model import Segmenter


@pytest.fixture(scope="session")
def pvt() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("pvt_v2_b5", channels=16, tpavi_stages=[2])
