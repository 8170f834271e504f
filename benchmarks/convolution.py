"""3x3 convolutions of this project's networks: torch's and ours, forward and each gradient, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Setup, apart, best, failure, milliseconds, row, table

# (n, c, h, w), channels out, dilation
LAYERS = [
    ((5, 256, 56, 56), 256, 3),  # the published network's reductions, one clip
    ((5, 256, 56, 56), 256, 12),
    ((5, 256, 56, 56), 256, 18),
    ((5, 512, 28, 28), 256, 3),
    ((5, 512, 28, 28), 256, 18),
    ((5, 1024, 14, 14), 256, 3),
    ((5, 2048, 7, 7), 256, 3),
    ((1, 256, 56, 56), 256, 1),  # its decoder, one frame
    ((1, 256, 112, 112), 128, 1),
    ((1, 128, 224, 224), 32, 1),
    ((20, 64, 24, 24), 64, 1),  # the demo's encoder and reductions, four clips
    ((20, 512, 3, 3), 512, 1),
    ((20, 64, 24, 24), 64, 18),
]


def report(setup: Setup) -> Iterator[str]:
    """A line a layer; on a GPU both are torch's, and there is nothing to compare."""
    if setup.device != "cpu":
        yield "Left out: on a GPU all convolutions are torch's."
        return
    yield from table("maps -> channels", "dilation", "forward", "input's gradient", "weight's gradient", "by")
    for shape, outputs, dilation in LAYERS[-2:] if setup.quick else LAYERS:
        found = apart("benchmarks.convolution:measure", shape=shape, outputs=outputs, dilation=dilation)
        name = f"{tuple(shape)} -> {outputs}"
        if line := failure(found, name, 6):
            yield line
            continue
        times = (f"{milliseconds(a)}, {milliseconds(b)}: {a / b:.2f}" for a, b in found["times"])
        yield row([name, dilation, *times, f"{found['ways'][0]}, {found['ways'][1]}"])
    yield "\nTorch's time, ours, and how many times as fast ours is. `by`: torch, taps, or the side of"
    yield "Winograd's tiles, for the first two, and for the weight's gradient."


def measure(shape: list[int], outputs: int, dilation: int) -> dict[str, object]:
    """Seconds (torch's, ours) forward, for the input's gradient and for the weight's, and ours' ways."""
    import torch
    from torch import Tensor
    from torch.nn import functional

    from pipeline.model.convolution import conv3x3, fastest, fastest_for_weight

    size = torch.Size(shape)
    layout = torch.channels_last
    x = torch.randn(size).contiguous(memory_format=layout)
    weight = torch.randn(outputs, shape[1], 3, 3).contiguous(memory_format=layout)
    pull = torch.randn(shape[0], outputs, *shape[2:]).contiguous(memory_format=layout)

    def torchs(x: Tensor, weight: Tensor) -> Tensor:
        return functional.conv2d(x, weight, padding=dilation, dilation=dilation)

    def ours(x: Tensor, weight: Tensor) -> Tensor:
        return conv3x3(x, weight, dilation=dilation)

    times = []
    for of in (None, 0, 1):
        pair = []
        for form in (torchs, ours):
            inputs = [value.clone(memory_format=torch.preserve_format) for value in (x, weight)]
            if of is None:
                pair.append(best(partial(form, *inputs), repeat=5))
                continue
            inputs[of].requires_grad_()
            of_y = partial(torch.autograd.grad, form(*inputs), inputs[of], pull, retain_graph=True)
            pair.append(best(of_y, repeat=5))
        times.append(pair)
    ways = (fastest(size, outputs, dilation), fastest_for_weight(size, outputs, dilation))
    return {"times": times, "ways": ways}
