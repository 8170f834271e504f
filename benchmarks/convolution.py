"""Convolutions of this project's networks: torch's and ours, forward and each gradient, on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Setup, apart, best, failure, milliseconds, row, table

if TYPE_CHECKING:
    from torch import Tensor

# kind, (n, c, h, w), channels out
LAYERS = [
    ("reduction", (5, 256, 56, 56), 256),  # the published network's, one clip
    ("reduction", (5, 512, 28, 28), 256),
    ("reduction", (5, 1024, 14, 14), 256),
    ("reduction", (5, 2048, 7, 7), 256),
    ("3x3", (1, 256, 56, 56), 256),  # its decoder, one frame
    ("doubled 3x3", (1, 256, 56, 56), 128),
    ("doubled 3x3", (1, 128, 112, 112), 32),
    ("reduction", (20, 64, 24, 24), 64),  # the demo's, four clips
    ("doubled 3x3", (20, 64, 24, 24), 32),
    ("3x3", (20, 64, 24, 24), 64),
    ("3x3", (20, 512, 3, 3), 512),
]
Form = Callable[..., "Tensor"]  # maps, a bias, weights -> maps


def report(setup: Setup) -> Iterator[str]:
    """A line a layer; on a GPU both are torch's, and there is nothing to compare."""
    if setup.device != "cpu":
        yield "Left out: on a GPU all convolutions are torch's."
        return
    yield from table("layer", "maps -> channels", "forward", "input's gradient", "weights' gradient", "all")
    for kind, shape, outputs in LAYERS[-4:] if setup.quick else LAYERS:  # one of each kind at least
        found = apart("benchmarks.convolution:measure", kind=kind, shape=shape, outputs=outputs)
        name = f"{tuple(shape)} -> {outputs}"
        if line := failure(found, name, 6):
            yield line
            continue
        times = [*found["times"], [sum(side) for side in zip(*found["times"], strict=True)]]
        yield row([kind, name, *(f"{milliseconds(a)}, {milliseconds(b)}: {a / b:.2f}" for a, b in times)])
    yield "\nTorch's time, ours, and how many times as fast ours is. A reduction is the sum of four 3x3"
    yield "layers with dilations 3, 6, 12 and 18; *doubled*: of the map drawn at twice its size."


def measure(kind: str, shape: list[int], outputs: int) -> dict[str, Any]:
    """Seconds (torch's, ours) forward, for the input's gradient and for the weights'."""
    import torch

    layout = torch.channels_last
    x = torch.randn(torch.Size(shape)).contiguous(memory_format=layout)
    weights = [
        torch.randn(outputs, shape[1], 3, 3).contiguous(memory_format=layout)
        for _ in range(4 if kind == "reduction" else 1)
    ]
    bias = torch.randn(outputs)
    times = []
    for of in (None, [0], range(2, 2 + len(weights))):
        pair = []
        for form in _forms(kind):
            inputs = [value.clone(memory_format=torch.preserve_format) for value in (x, bias, *weights)]
            if of is None:
                pair.append(best(partial(form, *inputs), repeat=5))
                continue
            wanted = [inputs[i].requires_grad_() for i in of]
            y = form(*inputs)
            pull = torch.randn_like(y)
            pair.append(best(partial(torch.autograd.grad, y, wanted, pull, retain_graph=True), repeat=5))
        times.append(pair)
    return {"times": times}


def _forms(kind: str) -> tuple[Form, Form]:
    """Torch's and ours."""
    import torch
    from torch.func import functional_call
    from torch.nn import functional

    from pipeline.model.aspp import ASPP, DILATIONS
    from pipeline.model.convolution import conv3x3
    from pipeline.model.doubled import doubled_conv3x3
    from pipeline.ops.resize import double

    def reduction(x: Tensor, bias: Tensor, *weights: Tensor) -> Tensor:
        pairs = zip(weights, DILATIONS, strict=True)
        parts = [functional.conv2d(x, weight, padding=d, dilation=d) for weight, d in pairs]
        return parts[0] + parts[1] + parts[2] + parts[3] + bias.view(-1, 1, 1)

    def our_reduction(x: Tensor, bias: Tensor, *weights: Tensor) -> Tensor:
        with torch.device("meta"):  # its own weights take no part
            layer = ASPP(weights[0].shape[1], len(bias))
        given = {f"branches.{i}.weight": weight for i, weight in enumerate(weights)}
        biases = {f"branches.{i}.bias": bias / len(weights) for i in range(len(weights))}
        return functional_call(layer, given | biases, x)

    if kind == "reduction":
        return reduction, our_reduction
    if kind == "3x3":
        return lambda x, b, w: functional.conv2d(x, w, b, padding=1), lambda x, b, w: conv3x3(x, w, b)
    return (
        lambda x, b, w: functional.conv2d(double(x, align_corners=True), w, b, padding=1),
        lambda x, b, w: doubled_conv3x3(x, w, b, align_corners=True),
    )
