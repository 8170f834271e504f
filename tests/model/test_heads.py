from __future__ import annotations

import torch

from pipeline.model import CropHeads


def test_heads() -> None:
    heads = CropHeads(8, categories=3, audio_dim=4, width=5)
    crops, audio = torch.randn(2, 5, 8), torch.randn(2, 5, 4)
    logits, crop, sound = heads(crops, audio)
    assert (logits.shape, crop.shape, sound.shape) == ((2, 5, 3), (2, 5, 5), (2, 5))
    torch.testing.assert_close(sound, heads.project_audio(audio).mean(1))  # the mean of the five sounds
