"""Everything that this project claims about speed and memory, measured now, as Markdown.

    python -m benchmarks                       # all parts
    python -m benchmarks --only tpavi --only step --quick
    python -m benchmarks --published FOLDER    # beside the published code: a clone of OpenNLPLab/AVSBench

On a machine with a GPU the same command uses it. Ratios compare figures of one run; keep the machine quiet.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ROOT, Setup, apart

PARTS = {
    "tpavi": "TPAVI, forward and backward of one block: the direct N x N form against the linear one",
    "step": "A training step as published: BCE on S4's labelled frame, Adam",
    "training": "The training loop with its data: how long it waits for them",
    "accuracy": "Precision: time beside M_J",
    "growth": "Cost against clips, frames and pixels, from 1x to 8x",
    "metrics": "M_F at 255 thresholds: the published loop against one histogram",
    "listening": "The listening test against plain evaluation",
    "data": "Data stages against a bare decode",
    "full": "AVSBench S4 at its full size: 4,932 clips, 17,260 boxes, and a `dvc repro` of nothing",
}


def machine(setup: Setup) -> Iterator[str]:
    """Where, when and with what this was measured."""
    import torch

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    commit = (git("rev-parse", "--short", "HEAD") or "no git") + ("+changes" if git("diff", "HEAD") else "")
    where = torch.cuda.get_device_name() if setup.device == "cuda" else platform.machine()
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    yield f"- machine: {where}, {os.cpu_count()} cores, {torch.get_num_threads()} threads{load}"
    yield f"- commit {commit}, torch {torch.__version__}, Python {platform.python_version()}"
    yield f"- command: `{' '.join(['python -m benchmarks', *sys.argv[1:]])}`"
    products = ", ".join(
        f"{setup.rates[name] / 1e12:.3g} TF/s in {name}"
        for name in ("float32", "tf32", "bfloat16")
        if name in setup.rates
    )
    copy = f"{setup.rates['copy'] / 1e9:.3g} GB/s"
    yield f"- the machine's own rates: matrix product {products}; copy {copy}"
    if setup.published is None:
        yield "- the published code is not here (`--published FOLDER`): its rows are left out"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts:\n" + "\n".join(f"  {name:<10} {title}" for name, title in PARTS.items()),
    )
    parser.add_argument("--only", action="append", choices=list(PARTS), help="a part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="small sizes: that it runs, not how fast it is")
    parser.add_argument("--published", type=Path, help="a clone of https://github.com/OpenNLPLab/AVSBench")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="the GPU where there is one")
    options = parser.parse_args()
    if options.published is not None and not (options.published / "avs_scripts" / "avs_s4").is_dir():
        parser.error(
            f"--published {options.published}: holds no avs_scripts/avs_s4; clone OpenNLPLab/AVSBench"
        )
    import torch

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    published = options.published.resolve() if options.published else None
    found = apart("benchmarks.measure:rates", device=device, quick=options.quick)
    if "failed" in found:
        sys.exit(f"error: {device}: {found['failed']}")
    setup = Setup(device, options.quick, published, found)
    for line in machine(setup):
        print(line, flush=True)
    for name in options.only or PARTS:
        print(f"\n### {name}: {PARTS[name]}\n", flush=True)
        for line in importlib.import_module(f"benchmarks.{name}").report(setup):
            print(line, flush=True)


if __name__ == "__main__":
    main()
