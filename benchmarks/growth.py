"""Does cost grow linearly? Seconds of a training step, and peak memory, at 1, 2, 4 and 8 times the size."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Setup, apart, failure, row, table, wait

BASE = {"clips": 1, "frames": 5, "height": 96, "width": 96}
SHAPES = {1: (1, 1), 2: (2, 1), 4: (2, 2), 8: (4, 2)}  # how much wider and higher


def report(setup: Setup) -> Iterator[str]:
    """A line for each multiple of each size."""
    backbone, channels, base, multiples = "resnet50", 256, BASE, (1, 2, 4, 8)
    if setup.quick:
        backbone, channels, base = "resnet18", 16, {"clips": 1, "frames": 2, "height": 32, "width": 32}
        multiples = multiples[:2]
    elif setup.device == "cuda":
        base = {**base, "clips": 8, "height": 224, "width": 224}
    one = f"{base['clips']} clips of {base['frames']} frames of {base['width']} pixels"
    yield f"{backbone}, {channels} channels; 1x is {one}.\n"
    yield from table("what grows", "by", "a step", "against 1x", "for each unit", "peak")
    for name in ("clips", "frames", "pixels"):
        first = 0.0  # seconds at 1x; where that failed there are no ratios
        for times in multiples:
            case: dict[str, Any] = dict(base)
            if name == "pixels":
                wide, high = SHAPES[times]
                case["width"], case["height"] = base["width"] * wide, base["height"] * high
            else:
                case[name] *= times
            case |= {"backbone": backbone, "channels": channels, "device": setup.device}
            result = apart("benchmarks.growth:measure", **case)
            if line := failure(result, f"{name}, {times}x", 6):
                yield line
                continue
            first = result["seconds"] if times == 1 else first
            against = [f"{result['seconds'] / first / unit:.2f}" if first else "" for unit in (1, times)]
            cells = [name, f"{times}x", f"{result['seconds']:.3g} s", *against, f"{result['peak']:.2f} GB"]
            yield row(cells)


def measure(
    backbone: str, channels: int, clips: int, frames: int, height: int, width: int, device: str
) -> dict[str, float]:
    """Best seconds of two training steps after one that warms up; every frame is labelled and decoded."""
    import torch

    from pipeline.losses.bce import bce
    from pipeline.model import Segmenter

    torch.manual_seed(0)
    net = Segmenter(backbone, channels=channels).to(device)
    optimiser = torch.optim.Adam(net.parameters(), 1e-4, fused=True)
    pictures = torch.randn(clips, frames, 3, height, width, device=device)
    audio = torch.rand(clips, frames, 128, device=device)
    masks = (torch.rand(clips, frames, height, width, device=device) > 0.5).float()
    labelled = torch.ones(clips, frames, dtype=torch.bool, device=device)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        optimiser.zero_grad()
        bce(net(pictures, audio).logits, masks, labelled).backward()
        optimiser.step()
        wait(device)
        times.append(time.perf_counter() - start)
    return {"seconds": min(times[1:])}
