"""Floating-point operations of a call: torch's counter, corrected where it counts too much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

Shape = Sequence[int]


def count_operations(call: Callable[[], Any]) -> tuple[Any, int]:
    """What `call` returns, and how many multiplications and additions its products and convolutions take."""
    corrected = {torch.ops.aten.convolution_backward: _convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=corrected) as counter:
        result = call()
    return result, counter.get_total_flops()


def _convolution_backward(
    grad: Shape,
    x: Shape,
    weight: Shape,
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    _output_padding: Any,
    _groups: int,
    output_mask: Sequence[bool],
    **kwargs: Any,
) -> int:
    """Each of the gradients, of the input and of the weight, takes what the forward pass took; torch counts
    the weight's of a grouped layer as of a dense one.
    """
    forward = conv_flop_count(list(x), list(weight), list(grad), transposed)
    return forward * (bool(output_mask[0]) + bool(output_mask[1]))
