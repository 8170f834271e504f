"""TPAVI alone: the direct N x N form against the linear one, at every stage's size."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Setup, apart, best, failure, milliseconds, row, table
from tests.helpers import direct_tpavi

CHANNELS, FRAMES, STRIDES = 256, 5, (4, 8, 16, 32)
INNER = CHANNELS // 2


def report(setup: Setup) -> Iterator[str]:
    """A line a stage, then the difference of the outputs."""
    size = 64 if setup.quick else 224
    clips = 4 if setup.device == "cuda" and not setup.quick else 1
    yield f"{clips} clips of {FRAMES} frames of {size} pixels, {CHANNELS} channels, float32.\n"
    headers = ("stage", "positions N", "direct", "linear", "times", "direct, peak", "linear, peak")
    yield from table(*headers, "floor of linear", "difference")
    for stage, stride in enumerate(STRIDES, start=1):
        case = {"clips": clips, "side": size // stride, "device": setup.device}
        direct = apart("benchmarks.tpavi:block", form="direct", **case)
        linear = apart("benchmarks.tpavi:block", form="linear", **case)
        failed = [
            line
            for form, result in (("direct", direct), ("linear", linear))
            if (line := failure(result, f"{stage}, {form}", 9))
        ]
        if failed:
            yield from failed
            continue
        positions = FRAMES * case["side"] ** 2
        # theta, the product with S, and mu: once forward, twice backward. Maps and Z with their gradients.
        operations = 3 * 2 * clips * positions * INNER * (CHANNELS + INNER + CHANNELS)
        floor = setup.floor(operations, 4 * 4 * clips * positions * CHANNELS)
        yield row(
            [
                *(stage, positions, milliseconds(direct["seconds"]), milliseconds(linear["seconds"])),
                f"{direct['seconds'] / linear['seconds']:.1f}",
                *(f"{form['peak']:.2f} GB" for form in (direct, linear)),
                milliseconds(floor),
                f"{abs(1 - linear['projection'] / direct['projection']):.0e}",
            ]
        )
    yield "\n`difference`: of a fixed projection of the outputs, relative to it."


def block(form: str, clips: int, side: int, device: str) -> dict[str, float]:
    """Seconds of forward and backward of one block, and a projection of its output."""
    import torch

    from pipeline.model import TPAVI

    torch.manual_seed(0)
    net: torch.nn.Module = direct_tpavi.randomise_bn(TPAVI(CHANNELS))
    if form == "direct":
        net = direct_tpavi.DirectTPAVI(net)
    net.to(device)
    maps = torch.randn(clips * FRAMES, CHANNELS, side, side).contiguous(memory_format=torch.channels_last)
    maps = maps.unflatten(0, (clips, FRAMES)).to(device).requires_grad_()
    audio = torch.rand(clips, FRAMES, 128).to(device)
    with torch.no_grad():
        # a frame at a time: what compares the forms must not count in their peak
        frames = net(maps, audio)[0].flatten(0, 1)
        direction = torch.linspace(-1, 1, frames[0].numel(), dtype=torch.double, device=device)
        projection = sum((n + 1) * (frame.flatten().double() @ direction) for n, frame in enumerate(frames))
        answer = float(projection)
        del frames, direction, projection

    seconds = best(lambda: net(maps, audio)[0].square().mean().backward(), device)
    return {"seconds": seconds, "projection": answer}
