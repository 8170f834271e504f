"""The whole training loop on packed noise: clips a second, and how long each step waits for its data.

On a GPU also S4's own size and 15 epochs, in batches of 32, with validation.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Setup, apart, failure, row, table, wait
from benchmarks.step import CLIPS, EPOCHS

VALIDATION = 740  # clips of S4


def report(setup: Setup) -> Iterator[str]:
    """A line for each configuration; `waiting` is the share of the time spent for want of a batch."""
    big = setup.device == "cuda"
    small = {"backbone": "resnet18", "size": 96, "channels": 64, "batch": 4}
    if setup.quick:
        small |= {"size": 32, "channels": 16, "batch": 2}
    cases: list[dict[str, Any]] = [small]
    cases += [{**cases[0], "crops": True}]
    if big and not setup.quick:
        batches = (4, 32)
        cases += [{"backbone": "resnet50", "size": 224, "channels": 256, "batch": batch} for batch in batches]
        cases += [{**case, "precision": "bf16-mixed"} for case in cases]
    for case in cases:
        case["clips"] = 4 * case["batch"] if setup.quick else max(48, 16 * case["batch"])
    if big and not setup.quick:
        whole = {"backbone": "resnet50", "size": 224, "channels": 256, "batch": 32}
        whole |= {"clips": CLIPS, "epochs": EPOCHS}
        cases += [{**whole, "precision": precision} for precision in ("32-true", "bf16-mixed")]
        cases.append({**whole, "precision": "bf16-mixed", "captured": True})
        cases.append({**whole, "precision": "bf16-mixed", "captured": True, "compiled": True})
    yield from table("configuration", "epochs x clips", "in all", "clips/s", "waiting", "peak")
    for case in cases:
        name = f"{case['backbone']}, {case['size']} px, batch {case['batch']}"
        name += ", crops" * ("crops" in case) + f", {case.get('precision', '32-true')}"
        name += ", CUDA graph" * ("captured" in case) + ", compiled" * ("compiled" in case)
        result = apart("benchmarks.training:measure", device=setup.device, **case)
        if line := failure(result, name, 6):
            yield line
            continue
        yield row(
            [
                *(name, f"{result['epochs']} x {case['clips']}", f"{result['seconds']:.1f} s"),
                *(f"{result['clips_a_second']:.3g}", f"{result['waiting']:.1%}", f"{result['peak']:.2f} GB"),
            ]
        )
    if not big:
        yield f"\nS4's own {EPOCHS} x {CLIPS} clips are trained where there is a GPU, not here."


def measure(
    backbone: str,
    size: int,
    channels: int,
    batch: int,
    clips: int,
    device: str,
    precision: str = "32-true",
    crops: bool = False,
    epochs: int = 2,
    captured: bool = False,
    compiled: bool = False,
) -> dict[str, float]:
    """Train `epochs` epochs; rates are of the training batches after the first epoch, which warms up."""
    import numpy as np
    from lightning_fabric import Fabric

    import pipeline.training.train as training
    from benchmarks.packed_clips import pack, plan
    from pipeline.training.resume import ResumeState

    held = VALIDATION if epochs == EPOCHS else batch
    # of each pass over the training data: seconds in all, and seconds in which the loop had to wait
    passes: list[tuple[float, float]] = []
    prefetch = training.prefetch

    def timed(*arguments: Any, **options: Any) -> Iterator[Any]:
        return stopwatch(prefetch(*arguments, **options), passes, device)

    training.prefetch = timed
    settings = plan(backbone, size, channels, batch, crops=crops, precision=precision, epochs=epochs)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = pack(folder, clips + held, size, cropped=clips if crops else 0)
        fabric = Fabric(accelerator=device, devices=1, precision=precision)
        begin = time.perf_counter()
        training.train(
            settings,
            1,
            training.TrainingData(data, np.arange(clips), np.arange(clips, clips + held)),
            folder / "out",
            resume=ResumeState(folder / "resume", "benchmark", "benchmark"),
            log=Nothing(),
            say=lambda line: None,
            fabric=fabric,
            options=training.TrainOptions(compile=compiled, cuda_graph=captured),
        )
        seconds = time.perf_counter() - begin
    after = passes[1:]  # of the training batches
    total = sum(spent for spent, _ in after)
    return {
        "epochs": epochs,
        "seconds": seconds,
        "clips_a_second": clips * len(after) / total,
        "waiting": sum(waited for _, waited in after) / total,
    }


def stopwatch(
    items: Iterator[Any],
    passes: list[tuple[float, float]],
    device: str = "cpu",
    now: Callable[[], float] = time.perf_counter,
) -> Iterator[Any]:
    """`items`; at their end (seconds in all, seconds that the consumer waited for one) joins `passes`.

    A GPU's consumer is the GPU: its host runs ahead, and may wait for what is not needed yet.
    """
    begin, waited = now(), 0.0
    idle: list[tuple[Any, Any]] = []
    while True:
        start = now()
        done = _mark(device)
        item = next(items, None)
        idle.append((done, _mark(device)))
        waited += now() - start
        if item is None:
            break
        yield item
    wait(device)
    if device == "cuda":
        waited = sum(done.elapsed_time(ready) for done, ready in idle) / 1000
    passes.append((now() - begin, waited))


def _mark(device: str) -> Any:
    """When the GPU comes to this point of its work."""
    if device != "cuda":
        return None
    import torch

    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


class Nothing:
    """A log that keeps nothing."""

    def log_metric(self, name: str, val: float) -> None: ...

    def next_step(self) -> None: ...
