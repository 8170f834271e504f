"""M_F at 255 thresholds: a loop over the thresholds against one histogram. `python benchmarks/metrics.py`

With `--published CHECKOUT` (a clone of github.com/OpenNLPLab/AVSBench) its own function runs as the loop.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pipeline.metrics import fscore, fscore_curves


def loop(logits: Tensor, target: Tensor) -> float:
    """The definition: every threshold makes a mask, and the mask is scored."""
    total = torch.zeros(255)
    for probability, truth in zip(logits.sigmoid(), target, strict=True):
        for i, threshold in enumerate(torch.linspace(0, 1 - 1e-10, 255)):
            mask = (probability >= threshold).float()
            hits = (mask * truth).sum()
            precision, recall = hits / (mask.sum() + 1e-20), hits / (truth.sum() + 1e-20)
            total[i] += (1.3 * precision * recall / (0.3 * precision + recall)).nan_to_num(0)
    return (total / len(logits)).max().item()


def published(checkout: Path) -> Callable[[Tensor, Tensor], float]:
    from published_code import load_published

    measure = load_published(checkout)["metrics"].Eval_Fmeasure

    def run(logits: Tensor, target: Tensor) -> float:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            return measure(logits, target, folder)

    return run


def seconds(function: Callable[[], float], repeat: int) -> tuple[float, float]:
    """Best time of several calls, and the answer."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        answer = function()
        times.append(time.perf_counter() - start)
    return min(times), answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    torch.manual_seed(0)
    logits = torch.randn(options.frames, options.size, options.size) * 3
    target = (logits + torch.randn_like(logits) * 3 > 0).float()
    reference = published(options.published) if options.published else loop
    slow, expected = seconds(lambda: reference(logits, target), 2)
    fast, answer = seconds(lambda: fscore(fscore_curves(logits.sigmoid(), target)), 10)
    name = "published loop" if options.published else "loop"
    print(f"M_F of {options.frames} frames of {options.size} px, {torch.get_num_threads()} threads")
    print(f"  {name:<16}{slow / options.frames * 1e3:8.2f} ms a frame   M_F {expected:.7f}")
    print(f"  {'histogram':<16}{fast / options.frames * 1e3:8.2f} ms a frame   M_F {answer:.7f}")
    print(f"  {slow / fast:.0f} times as fast")


if __name__ == "__main__":
    main()
