"""One training step as published: 5 frames a clip, 256 channels, TPAVI at four stages, loss on frame 1.

All forms start from the same weights and see the same clips, so that their first losses are the same; Adam's
first step then turns rounding into sign where a gradient is zero but for rounding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Setup, apart, failure, row, table, wait
from tests.helpers.direct_tpavi import DirectTPAVI

FORMS = {
    "published": "published code",
    "direct": "ours with the N x N matrix",
    "all": "ours, all frames decoded",
    "first": "ours, the labelled frame decoded",
    "captured": "the same, as one CUDA graph",
    "compiled": "the same, by torch.compile and as one CUDA graph",
}
EPOCHS, CLIPS = 15, 3452  # S4's training as published


def report(setup: Setup) -> Iterator[str]:
    """A table for each backbone, size and batch; ratios to its first form: the published code, or the direct
    one. Where that failed there are none.
    """
    big = setup.device == "cuda"
    cases = [("resnet50", 224, 4 if big else 1), ("pvt_v2_b5", 224, 4 if big else 1)]
    if big:
        cases += [("resnet50", 224, 32), ("pvt_v2_b5", 224, 32)]
    else:
        cases += [("resnet50", 96, 4), ("resnet18", 96, 4)]
    if setup.quick:
        cases = [("resnet50" if setup.published else "resnet18", 64, 1)]
    for number, (backbone, size, batch) in enumerate(cases):
        if number:
            yield ""
        yield from _case(setup, backbone, size, batch)
    if setup.emulates_bfloat16:
        yield "\nbfloat16 is slower than float32 here: its rows are left out."


def _case(setup: Setup, backbone: str, size: int, batch: int) -> Iterator[str]:
    yield f"{backbone}, {size} pixels, {batch} clips a step\n"
    headers = ("form", "precision", "a step", "clips/s", "times", "peak", "of the first's", "floor")
    yield from table(*headers, "of the floor's rate", "first loss", "S4's 15 epochs")
    base: dict[str, Any] | None = None
    counted: dict[str, float] = {}
    for form, precision in _rows(setup, backbone):
        arguments = {"backbone": backbone, "size": size, "batch": batch, "device": setup.device}
        arguments |= {"steps": 1 if setup.quick else 10 if setup.device == "cuda" else 3}
        published = str(setup.published) if setup.published else None
        result = apart(
            "benchmarks.step:measure", form=form, precision=precision, published=published, **arguments
        )
        base = result if base is None else base
        if line := failure(result, f"{FORMS[form]}, {precision}", 11):
            yield line
            continue
        seconds, peak = result["seconds"], result["peak"]
        # the counter cannot look into a compiled network: it does what `first` does
        operations = result["operations"] or counted.get("first", 0.0)
        counted[form] = operations
        # on a GPU torch lets float32 convolutions use TF32, the published code's too
        rate = "tf32" if (setup.device, precision) == ("cuda", "float32") else precision
        floor = setup.floor(operations, result["bytes"], rate)
        times, share = "", ""
        if "failed" not in base:
            times, share = f"{base['seconds'] / seconds:.2f}", f"{peak / base['peak']:.2f}"
        yield row(
            [
                *(FORMS[form], precision, f"{seconds:.3g} s", f"{batch / seconds:.3g}"),
                *(times, f"{peak:.2f} GB", share),
                *(f"{floor:.2g} s", f"{floor / seconds:.0%}", f"{result['loss']:.6f}"),
                f"{EPOCHS * CLIPS * seconds / batch / 60:,.1f} min",
            ]
        )


def _rows(setup: Setup, backbone: str) -> list[tuple[str, str]]:
    theirs = [("published", "float32")] if setup.published and backbone != "resnet18" else []
    ours = [(form, "float32") for form in ("direct", "all", "first")]
    reduced = [] if setup.emulates_bfloat16 else [("first", "bfloat16")]
    if setup.device == "cuda":  # compiling takes minutes on a CPU
        reduced += [("all", "bfloat16"), ("captured", "bfloat16"), ("compiled", "bfloat16")]
    return theirs + ours + reduced


def _network(form: str, backbone: str, published: str | None, device: str) -> tuple[Any, Callable[..., Any]]:
    """A network, and how it gives the logits (B, H, W) of the first frames."""
    import torch

    from pipeline.checkpoint.published import translate
    from pipeline.model import Segmenter

    torch.manual_seed(0)
    net = Segmenter(backbone, channels=256)
    if form == "published":
        from benchmarks.published_code import load_published, published_network

        assert published is not None
        theirs = published_network(load_published(Path(published), "avs_s4", device), backbone)
        ours, state = net.state_dict(), theirs.state_dict()
        for key in state:
            for name in translate({key: state[key]}):
                state[key] = ours[name].view(state[key].shape)
        theirs.load_state_dict(state)
        return theirs, lambda frames, audio: theirs(frames.flatten(0, 1), audio.flatten(0, 1))[0][::5, 0]
    if form == "direct":
        for stage, block in net.tpavi.items():
            net.tpavi[stage] = DirectTPAVI(block)
    first = None if form in ("direct", "all") else 1
    if form == "compiled":
        net.compile()
    return net, lambda frames, audio: net(frames, audio, first).logits[:, 0]


def measure(
    form: str,
    backbone: str,
    size: int,
    batch: int,
    precision: str,
    device: str,
    steps: int,
    published: str | None,
) -> dict[str, float]:
    """Best seconds of a step after the first, its floating-point operations, the bytes of Adam's state.

    The bytes: parameters, gradients and two moments, read once, and all but the gradients written: what no
    step can do without, however its activations are kept.
    """
    import torch

    from benchmarks.operations import count_operations
    from pipeline.dataset.clips import Batch
    from pipeline.losses.bce import bce
    from pipeline.training.seed import seed_everything
    from pipeline.training.step import WARM_UP, CUDAGraphStep, Step

    net, logits_of = _network(form, backbone, published, device)
    net.to(device)
    optimiser = torch.optim.Adam(net.parameters(), 1e-4, fused=form != "published")
    if form == "published":
        torch.manual_seed(1)
    else:
        seed_everything(1)  # with deterministic algorithms, as this project trains: on a GPU they cost time
    frames, audio = torch.randn(batch, 5, 3, size, size), torch.rand(batch, 5, 128)
    masks, labelled = (torch.rand(batch, 1, size, size) > 0.5).float(), torch.ones(batch, 1, dtype=torch.bool)
    drawn = Batch(frames, masks, labelled, torch.arange(batch), audio).to(torch.device(device))
    mixed = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")

    def plain(batches: Any) -> Any:
        (b,) = batches
        with mixed:
            loss = bce(logits_of(b.frames, b.audio).unsqueeze(1).float(), b.masks, b.has_mask)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return [{"loss": loss.detach()}]

    step: Step = plain
    warm = 0
    if form in ("captured", "compiled"):
        step, warm = CUDAGraphStep(plain, optimiser, torch.device(device)), WARM_UP
    if form == "compiled":
        loss, operations = step([drawn])[0]["loss"].item(), 0.0  # the counter cannot look inside
    else:
        loss, operations = count_operations(lambda: step([drawn])[0]["loss"].item())
    for _ in range(warm):
        step([drawn])
    times = []
    for _ in range(steps):
        wait(device)
        start = time.perf_counter()
        step([drawn])
        wait(device)
        times.append(time.perf_counter() - start)
    # the published code holds layers that it never uses, which Adam passes over
    parameters = sum(p.numel() for p in net.parameters() if p.grad is not None)
    return {"seconds": min(times), "loss": loss, "operations": operations, "bytes": 7 * 4 * parameters}
