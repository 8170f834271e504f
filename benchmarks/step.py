"""One training step as published: 224 px, 5 frames a clip, 256 channels, TPAVI at four stages.

    python benchmarks/step.py                              # the direct N x N form against ours
    python benchmarks/step.py --published AVSBENCH_CHECKOUT    # the published code as well

S4's loss: BCE on frame 1, the only labelled one. Each form runs in a process of its own, the first step is
not counted. All forms start from the same weights and see the same clip, so that their losses compare: the
first is the same; Adam's first step then turns rounding into sign where a gradient is zero but for rounding.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pipeline.losses import bce
from pipeline.model import Segmenter
from pipeline.model.published import translate

FORMS = {
    "published": "published code",
    "direct": "ours with the N x N matrix",
    "all": "ours, all frames decoded",
    "first": "ours, the labelled frame decoded",
}
sys.path.append(
    str(Path(__file__).resolve().parents[1] / "tests" / "model")
)  # the direct form is the tests' oracle


def network(
    form: str, options: argparse.Namespace
) -> tuple[torch.nn.Module, Callable[[Tensor, Tensor], Tensor]]:
    """A network, and how it gives the logits (B, H, W) of the first frames."""
    torch.manual_seed(0)
    net = Segmenter(options.backbone, channels=256)
    if form == "published":
        from published_code import load_published, published_network

        theirs = published_network(load_published(options.published, "avs_s4"), options.backbone)
        ours, state = net.state_dict(), theirs.state_dict()
        for key in state:
            for name in translate({key: state[key]}):
                state[key] = ours[name].view(state[key].shape)
        theirs.load_state_dict(state)
        return theirs, lambda frames, audio: theirs(frames.flatten(0, 1), audio.flatten(0, 1))[0][::5, 0]
    if form == "direct":
        from direct_tpavi import DirectTPAVI

        for stage, block in net.tpavi.items():
            net.tpavi[stage] = DirectTPAVI(block)
    first = 1 if form == "first" else None
    return net, lambda frames, audio: net(frames, audio, first).logits[:, 0]


def measure(form: str, options: argparse.Namespace) -> dict:
    """Run the steps of one form; best wall and CPU seconds a step, peak memory in GB, the losses."""
    net, logits_of = network(form, options)
    optimiser = torch.optim.Adam(net.parameters(), 1e-4, fused=form not in ("published", "direct"))
    torch.manual_seed(1)
    frames = torch.randn(options.batch, 5, 3, options.size, options.size)
    audio = torch.rand(options.batch, 5, 128)
    masks = (torch.rand(options.batch, 1, options.size, options.size) > 0.5).float()
    labelled = torch.ones(options.batch, 1, dtype=torch.bool)
    seconds, cpu, losses = [], [], []
    for _ in range(options.steps + 1):
        start, busy = time.perf_counter(), time.process_time()
        loss = bce(logits_of(frames, audio).unsqueeze(1), masks, labelled)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": min(seconds[1:]), "cpu": min(cpu[1:]), "peak": peak, "losses": losses}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--published", type=Path, help="a clone of https://github.com/OpenNLPLab/AVSBench")
    parser.add_argument("--backbone", choices=["resnet50", "pvt_v2_b5"], default="resnet50")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--form", choices=list(FORMS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.form:
        print(json.dumps(measure(options.form, options)))
        return
    forms = [form for form in FORMS if form != "published" or options.published]
    print(f"{options.backbone}, {options.size} px, batch {options.batch}, {torch.get_num_threads()} threads")
    base: dict = {}
    for form in forms:
        answer = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--form", form],
            check=True,
            capture_output=True,
            text=True,
        )
        result = json.loads(answer.stdout.splitlines()[-1])
        base = base or result
        cells = [f"  {FORMS[form]:<34}"]
        for key, unit in (("seconds", "s"), ("cpu", "s CPU"), ("peak", "GB")):
            cells.append(f"{result[key]:7.2f} {unit} {base[key] / result[key]:5.2f}x")
        losses = " ".join(f"{loss:.6f}" for loss in result["losses"])
        print(*cells, f" losses {losses}", flush=True)


if __name__ == "__main__":
    main()
