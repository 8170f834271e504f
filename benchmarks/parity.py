"""Parity with the published code, block by block and whole.

    python -m benchmarks.parity AVSBENCH_CHECKOUT [--size 96] [--channels-last]

Prints a table as in docs/notebook/: relative differences |ours - theirs| / |theirs| (2-norms) of the outputs,
and of the gradients of a random projection of them, with respect to the inputs and to all weights, for the
same random weights and inputs. Beside them stands the published code's own rounding: its float32 run against
its float64 run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.published_code import load_published, published_network
from pipeline.checkpoint.published import published_segmenter, translate
from pipeline.losses.avm import avm_av, avm_vv
from pipeline.losses.bce import bce

Values = dict[str, Tensor]
Case = tuple[list[Tensor], Callable[..., Any], Callable[..., Any]]  # inputs, theirs(net, ...), ours(net, ...)


def difference(ours: Values, theirs: Values) -> float:
    """|ours - theirs| / |theirs| over all tensors of the two together."""
    zero = torch.zeros(())
    error = sum(float((ours.get(k, zero).double() - v.double()).square().sum()) for k, v in theirs.items())
    return (error / sum(float(v.double().square().sum()) for v in theirs.values())) ** 0.5


def prepare(net: nn.Module) -> nn.Module:
    """Open all batch norms (TPAVI's start at zero), and drop no paths: the draws would differ."""
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
        elif type(module).__name__ == "DropPath":
            module.drop_prob = 0.0
    return net


def flat(values: Any) -> list[Tensor]:
    """All tensors of nested lists and tuples; frames in one axis, no channel axis of one."""
    if isinstance(values, Tensor):
        return [values]
    return [tensor for value in values if value is not None for tensor in flat(value)]


def run(net: nn.Module, inputs: list[Tensor], call: Callable[..., Any]) -> tuple[Values, Values]:
    """Outputs and gradients by name."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    net.zero_grad()
    outputs = flat(call(net, *leaves))
    torch.manual_seed(1)
    weights = [torch.randn(o.numel()).to(o.dtype).view(o.shape) for o in outputs]
    torch.stack([(o * weight).sum() for o, weight in zip(outputs, weights, strict=True)]).sum().backward()
    gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    if not hasattr(net, "encoder"):
        gradients = translate(gradients)
    gradients |= {f"input {i}": leaf.grad for i, leaf in enumerate(leaves) if leaf.grad is not None}
    return {str(i): o.detach() for i, o in enumerate(outputs)}, gradients


def cases(modules: dict[str, Any], backbone: str, size: int) -> dict[str, Case]:
    """Every block, and the whole network, called in the published way and in ours."""
    frames, audio = torch.randn(1, 5, 3, size, size), torch.rand(1, 5, 128)
    images = frames.flatten(0, 1)
    sides = [size // s for s in (4, 8, 16, 32)]
    widths = [64, 128, 320, 512] if backbone == "pvt_v2_b5" else [256, 512, 1024, 2048]
    wide = [torch.randn(5, width, side, side) for width, side in zip(widths, sides, strict=True)]
    maps = [torch.randn(5, 256, side, side) for side in sides]

    def their_encoder(net: Any, x: Tensor) -> Any:
        if hasattr(net, "encoder_backbone"):
            return net.encoder_backbone(x)
        r = net.resnet
        x1 = r.layer1(r.maxpool(r.relu(r.bn1(r.conv1(x)))))
        x2 = r.layer2(x1)
        x3 = r.layer3_1(x2)
        return [x1, x2, x3, r.layer4_1(x3)]

    def their_decoder(net: Any, *m: Tensor) -> Tensor:
        m = tuple(x.clone() for x in m)  # their units overwrite what they are given
        x = net.path3(net.path4(m[3]), m[2])
        return net.output_conv(net.path1(net.path2(x, m[1]), m[0])).squeeze(1)

    def their_whole(net: Any, x: Tensor, a: Tensor | None = None) -> Any:
        net.tpavi_va_flag, net.tpavi_vv_flag = a is not None, a is None
        logits, m, aligned = net(x.flatten(0, 1), None if a is None else a.flatten(0, 1))
        return [logits.squeeze(1), m, [y for y in aligned if isinstance(y, Tensor)]]

    def our_whole(net: Any, x: Tensor, a: Tensor | None = None) -> Any:
        out = net(x, a)
        return [out.logits.flatten(0, 1), [m.flatten(0, 1) for m in out.maps], out.audio]

    def our_tpavi(net: Any, a: Tensor | None, m: tuple[Tensor, ...]) -> Any:
        blocks = zip(net.tpavi.values(), m, strict=True)
        return [[z.flatten(0, 1), y] for z, y in (block(x.unsqueeze(0), a) for block, x in blocks)]

    table: dict[str, Case] = {
        f"{backbone} encoder": ([images], their_encoder, lambda net, x: net.encoder(x)),
        "reductions": (
            wide,
            lambda net, *x: [getattr(net, f"conv{i}")(y) for i, y in enumerate(x, 1)],
            lambda net, *x: [reduce(y) for reduce, y in zip(net.reductions, x, strict=True)],
        ),
        "TPAVI, audio-visual": (
            [audio, *maps],
            lambda net, a, *m: [net.tpavi_va(x, a, stage=i) for i, x in enumerate(m)],
            lambda net, a, *m: our_tpavi(net, a, m),
        ),
        "TPAVI, visual-visual": (
            maps,
            lambda net, *m: [net.tpavi_vv(x, stage=i) for i, x in enumerate(m)],
            lambda net, *m: our_tpavi(net, None, m),
        ),
        "decoder": (maps, their_decoder, lambda net, *m: net.decoder(m)),
        f"whole network, {backbone}": ([frames, audio], their_whole, our_whole),
        f"whole network, {backbone}, visual-visual": ([frames], their_whole, our_whole),
    }
    return table


def losses(modules: dict[str, Any]) -> dict[str, Case]:
    """Logits, masks, maps and audio to each loss, as in the published MS3 code."""
    logits, target = torch.randn(10, 1, 64, 64), (torch.rand(10, 1, 64, 64) > 0.5).float()
    maps = [torch.rand(10, 32, side, side) for side in (16, 8, 4, 2)]
    audio = [torch.randn(2, 5, 32) for _ in maps]
    theirs, stages = modules["loss"], [0, 1, 2, 3]
    form = {"norm_fea": False, "kl_flag": True}

    def ours(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(net: Any, x: Tensor, *rest: Tensor) -> Tensor:
            return loss(x.view(2, 5, 64, 64), [m.unflatten(0, (2, 5)) for m in rest[:4]], rest[4:])

        return call

    inputs = [logits, *maps, *audio]
    every = torch.ones(10, 1, dtype=torch.bool)
    return {
        "loss AVM, av": (
            inputs,
            lambda n, x, *r: theirs.A_MaskedV_SimmLoss(x, r[4:], r[:4], stages, **form),
            ours(avm_av),
        ),
        "loss AVM, vv": (
            inputs,
            lambda n, x, *r: theirs.closer_loss(x, r[4:], r[:4], stages, **form),
            ours(avm_vv),
        ),
        "loss BCE": (
            [logits],
            lambda n, x: theirs.F5_IoU_BCELoss(x, target.to(x.dtype)),
            lambda n, x: bce(x, target, every),
        ),
    }


def row(name: str, case: Case, theirs: nn.Module, ours: nn.Module) -> None:
    inputs, their_call, our_call = case
    results = {}
    for dtype in (torch.float32, torch.float64):
        typed = [x.to(dtype) for x in inputs]
        results["theirs", dtype] = run(theirs.to(dtype), typed, their_call)
        results["ours", dtype] = run(ours.to(dtype), typed, our_call)
    low, high = torch.float32, torch.float64
    cells = []
    for kind in (0, 1):
        cells += [
            difference(results["ours", low][kind], results["theirs", low][kind]),
            difference(results["theirs", low][kind], results["theirs", high][kind]),
            difference(results["ours", high][kind], results["theirs", high][kind]),
        ]
    print(f"| {name} | " + " | ".join(f"{cell:.0e}" for cell in cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--channels-last", action="store_true", help="our layout; else theirs on both sides")
    options = parser.parse_args()
    if not (options.checkout / "avs_scripts" / "avs_s4").is_dir():
        parser.error(f"{options.checkout}: holds no avs_scripts/avs_s4; clone OpenNLPLab/AVSBench")
    modules = load_published(options.checkout)
    print(f"{options.size} px, 5 frames, 256 channels, torch {torch.__version__}")
    print("| | output, float32 | rounding | float64 | gradient, float32 | rounding | float64 |")
    print("|---|---|---|---|---|---|---|")
    torch.manual_seed(0)
    for name, case in losses(modules).items():
        row(name, case, nn.Module(), nn.Module())
    for backbone in ("resnet50", "pvt_v2_b5"):
        torch.manual_seed(0)
        theirs = prepare(published_network(modules, backbone))
        ours = prepare(published_segmenter(theirs.state_dict()))
        ours.load_state_dict(translate(theirs.state_dict()))
        if not options.channels_last:
            ours.to(memory_format=torch.contiguous_format)
        for mode in ("evaluation", "training"):
            theirs.train(mode == "training")
            ours.train(mode == "training")
            for name, case in cases(modules, backbone, options.size).items():
                row(f"{name}, {mode}", case, theirs, ours)


if __name__ == "__main__":
    main()
