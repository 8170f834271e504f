"""Golden values: the published code's answers on small inputs, for the tests.

    python -m benchmarks.golden AVSBENCH_CHECKOUT

Writes tests/golden/{tpavi,avm,metrics,logmel}.npz: inputs and answers, float32 but for the wave (int16).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks.measure import ROOT
from benchmarks.published_code import load_published

FOLDER = ROOT / "tests" / "golden"
CLIPS, FRAMES = 2, 5


def tpavi(modules: dict[str, Any]) -> dict[str, Any]:
    """One block: its state (published names), maps, audio, outputs and the gradient of their mean square."""
    channels, side = 8, 4
    block = modules["tpavi"].TPAVIModule(in_channels=channels, mode="dot")
    norm = block.W_z[1]
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)  # zero as it starts
    torch.nn.init.normal_(norm.bias)
    torch.nn.init.uniform_(norm.running_var, 0.5, 1.5)
    found = {f"state/{name}": value.clone() for name, value in block.state_dict().items()}
    x = torch.randn(CLIPS, channels, FRAMES, side, side, requires_grad=True)
    audio = torch.rand(CLIPS, FRAMES, 128)
    block.eval()
    out, aligned = block(x, audio)
    (grad,) = torch.autograd.grad(out.square().mean(), x)
    found |= {"x": x, "audio": audio, "out_eval": out, "audio_out": aligned}
    found |= {"grad_x_of_mean_square_eval": grad, "out_visual_visual_eval": block(x, None)[0]}
    return found | {"out_train": block.train()(x, audio)[0]}


def avm(modules: dict[str, Any]) -> dict[str, Any]:
    """Both AVM losses in the form of the published MS3 runs: no normalisation, KL."""
    n, channels, stages = CLIPS * FRAMES, 6, [0, 1, 2, 3]
    logits = torch.randn(n, 1, 16, 16)
    maps = [torch.rand(n, channels, side, side) for side in (8, 4, 2, 1)]
    audio = [torch.randn(CLIPS, FRAMES, channels) for _ in maps]
    form = {"norm_fea": False, "kl_flag": True}
    found: dict[str, Any] = {"mask_logits": logits}
    found |= {f"map{i}": m for i, m in enumerate(maps)} | {f"audio{i}": a for i, a in enumerate(audio)}
    found["av"] = modules["loss"].A_MaskedV_SimmLoss(logits, audio, maps, stages, **form)
    found["vv"] = modules["loss"].closer_loss(logits, audio, maps, stages, **form)
    return found


def metrics(modules: dict[str, Any]) -> dict[str, Any]:
    """M_J and M_F of 12 frames, of which two truths are empty and one is full."""
    logits, target = torch.randn(12, 16, 16), (torch.rand(12, 16, 16) > 0.6).float()
    target[[3, 7]], target[8] = 0, 1
    iou, fmeasure = modules["metrics"].mask_iou, modules["metrics"].Eval_Fmeasure

    def f(rows: slice) -> float:
        with tempfile.TemporaryDirectory() as folder:  # where it leaves an empty log
            try:
                return fmeasure(logits[rows], target[rows], folder)
            except AttributeError:  # a batch whose truths are all empty has no score there
                return 0.0

    each = [slice(i, i + 1) for i in range(12)]
    return {
        "logits": logits,
        "target": target,
        "miou_all": iou(logits, target),
        "iou_each": np.array([float(iou(logits[i], target[i])) for i in each], np.float32),
        "f_all": np.float32(f(slice(None))),
        "f_each": np.array([f(i) for i in each], np.float32),
        "f_batches_of_4": np.array([f(slice(i, i + 4)) for i in (0, 4, 8)], np.float32),
    }


def logmel(modules: dict[str, Any]) -> dict[str, Any]:
    """The log-mel example of a second: a rising tone in noise."""
    time = np.arange(16_000) / 16_000
    tone = 0.5 * np.sin(2 * np.pi * (200 + 3000 * time) * time)
    noise = np.random.default_rng(0).normal(0, 0.05, len(time))
    wave = np.round((tone + noise) * 2**15).astype(np.int16)
    return {"wave": wave, "logmel": modules["vggish_input"].waveform_to_examples(wave / 2**15, 16_000)[:, 0]}


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, help="a clone of https://github.com/OpenNLPLab/AVSBench")
    checkout = parser.parse_args().checkout
    modules = load_published(checkout)
    sys.modules.setdefault("resampy", ModuleType("resampy"))  # never called: the wave has the right rate
    sys.path.insert(0, str(checkout / "avs_scripts" / "avs_ms3"))
    modules["vggish_input"] = importlib.import_module("torchvggish.vggish_input")
    FOLDER.mkdir(exist_ok=True)
    make: Callable[[dict[str, Any]], dict[str, Any]]
    for make in (tpavi, avm, metrics, logmel):
        torch.manual_seed(0)
        with contextlib.redirect_stdout(io.StringIO()):
            values = make(modules)
        arrays = {k: v.detach().numpy() if isinstance(v, torch.Tensor) else v for k, v in values.items()}
        path = FOLDER / f"{make.__name__}.npz"
        np.savez_compressed(path, **arrays)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
