"""The listening test, six other sounds for every clip, against plain evaluation under the true sound."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Setup, apart, best, failure, row, table

# S4's; the demo, which knows the silent object, has that one's sound as well
CONDITIONS = ("silence", "white", "pink", "other_category", "same_category", "shifted")


def report(setup: Setup) -> Iterator[str]:
    """Plain, with the test, and what asking for each sound from the start would cost."""
    big = setup.device == "cuda"
    case = {"backbone": "resnet50", "size": 224, "channels": 256}
    case |= {"clips": 64, "batch": 32} if big else {"clips": 4, "batch": 4}
    if setup.quick:
        case = {"backbone": "resnet18", "size": 32, "channels": 16, "clips": 2, "batch": 4}
    what = f"{case['backbone']}, {case['clips']} clips of {case['size']} pixels"
    yield f"{what}, {len(CONDITIONS)} other sounds.\n"
    yield from table("evaluation", "a clip", "times plain", "peak")
    results = {}
    for name, sounds in (("plain: the floor", 0), ("with the listening test", len(CONDITIONS))):
        result = apart("benchmarks.listening:measure", sounds=sounds, device=setup.device, **case)
        if line := failure(result, name, 4):
            yield line
            return
        results[sounds] = result
        times = result["seconds"] / results[0]["seconds"]
        yield row([name, f"{result['seconds']:.3g} s", f"{times:.2f}", f"{result['peak']:.2f} GB"])
    from_the_start = results[0]["seconds"] * (1 + len(CONDITIONS))
    yield row(["plain, once for each sound", f"{from_the_start:.3g} s", f"{1 + len(CONDITIONS):.2f}", ""])


def measure(
    backbone: str, size: int, channels: int, clips: int, batch: int, sounds: int, device: str
) -> dict[str, float]:
    """Seconds a clip of `evaluate`, the fastest of three after one that warms up."""
    import numpy as np
    import torch

    from benchmarks.packed_clips import pack, plan
    from pipeline.checkpoint.load import Checkpoint
    from pipeline.evaluation.evaluate import evaluate
    from pipeline.model import build_model

    settings = plan(backbone, size, channels, batch)
    segmenter = build_model(settings.network, settings.model).to(device).eval()
    checkpoint = Checkpoint(settings, segmenter, None, 1, 0.0)
    make = np.random.default_rng(1)
    other = {name: make.standard_normal((clips, 5, 128)).astype(np.float32) for name in CONDITIONS[:sounds]}
    with tempfile.TemporaryDirectory() as temporary:
        data = pack(Path(temporary), clips, size)
        seconds = best(
            lambda: evaluate(
                checkpoint,
                data,
                np.arange(clips),
                np.array([f"clip{i}" for i in range(clips)]),
                np.array(["a", "b"] * (clips // 2)),
                other,
                np.asarray(data.masks) if sounds else None,
                device=torch.device(device),
                batch_size=batch,
                pictured=np.arange(1),
            ),
            device,
        )
    return {"seconds": seconds / clips}
