"""Measuring: each figure in a process of its own, with its peak memory, beside what the machine can do.

A process of its own, because the peak of a process never falls again, and because a benchmark that runs out
of memory must not take the others with it.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Setup:
    """What the command line asked for, and what the machine can do.

    Attributes:
        published: folder of a clone of github.com/OpenNLPLab/AVSBench, or None: its rows are left out.
        rates: of `rates`.
    """

    device: str
    quick: bool
    published: Path | None
    rates: dict[str, float]

    @property
    def emulates_bfloat16(self) -> bool:
        """Whether bfloat16 is slower than float32 here: a CPU without such instructions takes hours."""
        return self.rates["bfloat16"] < self.rates["float32"]

    def floor(self, operations: float, bytes_moved: float = 0.0, precision: str = "float32") -> float:
        """Seconds that so much work takes at the machine's own best rates, whichever limit binds."""
        return max(operations / self.rates[precision], bytes_moved / self.rates["copy"])


def apart(function: str, **arguments: Any) -> dict[str, Any]:
    """Call "module:name" with JSON-able arguments in a new process.

    Returns its dict, with "peak": gigabytes, of the GPU where "device" is "cuda", else of the whole process
    (with its libraries). A process that fails gives {"failed": why} alone.
    """
    call = json.dumps([function, arguments])
    command = [sys.executable, "-m", "benchmarks.measure", call]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        return {"failed": _reason(done.returncode, done.stderr)}
    return json.loads(done.stdout.splitlines()[-1])


def _reason(status: int, told: str) -> str:
    """Why a process failed, in a line: warnings and advice may stand before and after its error."""
    if status < 0:
        return f"killed by signal {-status} (out of memory?)"
    lines = told.strip().splitlines() or [f"ended with status {status}"]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Unsupported)\b", line)]
    reason = (named or lines)[-1]
    short = ("out of memory", "can't allocate memory", "cannot allocate memory")
    return "out of memory" if any(words in reason.lower() for words in short) else reason


def best(function: Callable[[], object], device: str = "cpu", repeat: int = 3) -> float:
    """Seconds of the fastest of `repeat` calls, after one that warms up; waits for the GPU."""
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        function()
        wait(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def wait(device: str) -> None:
    """Let a GPU finish what it was given."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def rates(device: str, quick: bool = False) -> dict[str, float]:
    """What the machine reaches: operations a second of a large matrix product, bytes a second of a copy.

    On a GPU also those of a product in TF32 ("tf32"), which float32 convolutions use there.

    Args:
        quick: with a small product, which says that it runs, not how fast.
    """
    import torch

    side, length = (8192, 2**28) if device == "cuda" else (2048, 2**25)
    if quick:  # a CPU that has no bfloat16 takes a minute for the large product
        side = 256
    found = {}
    for name in ("float32", "bfloat16"):
        square = torch.randn(side, side, device=device).to(getattr(torch, name))
        found[name] = 2 * side**3 / best(lambda square=square: square @ square, device)
    if device == "cuda":
        square = torch.randn(side, side, device=device)
        torch.backends.cuda.matmul.allow_tf32 = True
        found["tf32"] = 2 * side**3 / best(lambda: square @ square, device)
        torch.backends.cuda.matmul.allow_tf32 = False
    source = torch.zeros(length, device=device)
    target = torch.empty_like(source)
    found["copy"] = 2 * 4 * length / best(lambda: target.copy_(source), device)
    return found


def table(*headers: str) -> Iterator[str]:
    """The head of a Markdown table."""
    yield row(headers)
    yield row(["---"] * len(headers))


def row(cells: Sequence[object]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def failure(result: dict[str, Any], name: str, cells: int) -> str | None:
    """The line of a measurement that failed, filled up to `cells`, or None if it did not."""
    if "failed" not in result:
        return None
    return row([name, result["failed"].replace("|", "/")] + [""] * (cells - 2))


def milliseconds(seconds: float) -> str:
    """Three digits: 0.00123 -> "1.23 ms"."""
    value = seconds * 1e3
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _peak(device: str) -> float:
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 1e9
    # of this process's own memory: `ru_maxrss` starts at the parent's where the child was forked from it
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(x.split()[1]) for x in status.read_text().splitlines() if x.startswith("VmHWM")) / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9  # macOS counts bytes


def _child(call: str) -> None:
    function, arguments = json.loads(call)
    module, name = function.split(":")
    result = getattr(importlib.import_module(module), name)(**arguments)
    print(json.dumps({**result, "peak": _peak(arguments.get("device", "cpu"))}))


if __name__ == "__main__":
    _child(sys.argv[1])
