"""TPAVI by itself: the direct N x N form against the linear one, at every stage's size.

    python benchmarks/tpavi.py [--clips 1] [--size 224] [--device cuda]

Forward and backward of one block, 256 channels, 5 frames. `floor` is what the linear form's matrix products
alone cost at the rate of a large product measured here.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pipeline.model import TPAVI

sys.path.append(
    str(Path(__file__).resolve().parents[1] / "tests" / "model")
)  # the direct form is the tests' oracle
CHANNELS, FRAMES = 256, 5


def seconds(function: Callable[[], object], device: str, repeat: int = 5) -> float:
    """Best of several calls after one that warms up."""
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        function()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def main() -> None:
    from direct_tpavi import DirectTPAVI, alive

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=1)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.manual_seed(0)
    device = options.device
    square = torch.randn(4096, 4096, device=device)
    rate = 2 * 4096**3 / seconds(lambda: square @ square, device, 2)
    print(f"{options.clips} clips, {options.size} px, {device}; matrix rate {rate / 1e9:.0f} GF/s")
    print("| stage | positions N | direct | linear | times | floor | difference |")
    print("|---|---|---|---|---|---|---|")
    for stage, stride in enumerate((4, 8, 16, 32), start=1):
        side = options.size // stride
        linear = alive(TPAVI(CHANNELS)).to(device)
        direct = DirectTPAVI(linear)
        shape = (options.clips * FRAMES, CHANNELS, side, side)
        maps = torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last)
        maps = maps.unflatten(0, (options.clips, FRAMES)).requires_grad_()
        audio = torch.rand(options.clips, FRAMES, 128, device=device)

        def both(form: torch.nn.Module, maps: torch.Tensor = maps, audio: torch.Tensor = audio) -> None:
            form(maps, audio)[0].square().mean().backward()

        slow = seconds(lambda form=direct: both(form), device, 1 if stage == 1 else 3)
        fast = seconds(lambda form=linear: both(form), device)
        with torch.no_grad():
            z = direct(maps, audio)[0]
            difference = ((linear(maps, audio)[0] - z).norm() / z.norm()).item()
        positions = FRAMES * side * side
        # theta, and the C/2 x C product with the folded matrix: once forward, twice backward
        floor = 3 * 2 * options.clips * positions * CHANNELS * CHANNELS / rate
        print(
            f"| {stage} | {positions} | {slow * 1e3:.1f} ms | {fast * 1e3:.1f} ms | {slow / fast:.1f} "
            f"| {floor * 1e3:.1f} ms | {difference:.0e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
