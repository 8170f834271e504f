"""Training on small cards: several batches a step, activations computed twice, a compiled network."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.model import AVSModel, Localiser, Segmenter
from pipeline.training.step import eager_step
from pipeline.training.train import take_steps


@dataclass
class Numbers:
    """Stands for a batch."""

    x: Tensor

    def to(self, device: torch.device) -> Numbers:
        return self


class Product(nn.Module):
    """loss = w * mean(x): its gradient is mean(x), whatever w is."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))
        self.told: list[int] = []

    def forward(self, batch: Numbers, batches: int) -> dict[str, Tensor]:
        self.told.append(batches)
        return {"loss": self.w * batch.x.mean()}


@pytest.mark.parametrize(("accumulate", "steps"), [(1, [1.0, 3.0, 8.0]), (2, [2.0, 8.0]), (4, [4.0])])
def test_a_step_follows_the_mean_gradient_of_its_batches(accumulate: int, steps: list[float]) -> None:
    fabric, model = Fabric(accelerator="cpu", devices=1), Product()
    wrapped, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=1.0))
    batches: Iterator[Numbers] = (Numbers(torch.tensor([x])) for x in (1.0, 3.0, 8.0))
    calls: list[int] = []
    step = eager_step(wrapped, optimizer, fabric)
    figures = take_steps(step, batches, lambda done, taken: calls.extend([done, taken]), accumulate)  # type: ignore[arg-type]
    assert model.w.item() == pytest.approx(-sum(steps))
    assert calls == {1: [0, 1, 1, 1, 2, 1], 2: [0, 2, 2, 1], 4: [0, 3]}[accumulate]
    assert model.told == {1: [1, 1, 1], 2: [2, 2, 1], 4: [3, 3, 3]}[accumulate]  # of the step each is part of
    if accumulate == 4:
        assert figures == {"loss": 0.0}  # w has not moved before any of the three


def clip() -> tuple[Tensor, Tensor]:
    make = torch.Generator().manual_seed(0)
    frames = torch.randn(1, 2, 3, 64, 64, generator=make, dtype=torch.double)
    return frames, torch.randn(1, 2, 128, generator=make, dtype=torch.double)


def network() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("resnet18", channels=8).double()


def step(net: Segmenter) -> tuple[dict[str, Tensor], int]:
    """Output, gradients and running averages of one step, and how many bytes were kept for the gradients."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    own = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        frames, audio = clip()
        logits = net(frames, audio).logits
        loss = logits.square().mean() + net.crop_features(frames[..., :32, :32]).square().mean()
    activations = sum(size for place, size in kept.items() if place not in own)
    loss.backward()
    gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    averages = {name: value for name, value in net.named_buffers() if "running" in name}
    return {"logits": logits.detach(), **gradients, **averages}, activations


def test_activations_computed_twice_give_the_same() -> None:
    usual, saving = network(), network()
    saving.checkpointing = True
    (expected, much), (found, little) = step(usual), step(saving)
    assert little < much / 3
    assert found.keys() == expected.keys()
    for name, value in expected.items():  # running averages among them: not updated twice
        torch.testing.assert_close(
            found[name], value, rtol=1e-10, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_a_localiser_computes_its_activations_twice_too() -> None:
    torch.manual_seed(0)
    usual = Localiser("resnet18").double()
    saving = copy.deepcopy(usual)
    saving.checkpointing = True
    frames, audio = clip()
    kept: list[int] = []
    for net in (usual, saving):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, sizes=sizes: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            cosines = net.audio_cosines(frames[0][:, None], audio[0][:, None])
        cosines.square().sum().backward()
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 3
    for (name, mine), theirs in zip(saving.named_parameters(), usual.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None), name
        if mine.grad is not None and theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-10, atol=1e-12)


def parts_compiled(net: AVSModel) -> list[nn.Module]:
    """Compile a network with a backend that only takes note: which parts it is given as they first run."""
    graphs: list[Any] = []

    def note(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    net.compile(backend=note)
    return graphs


def test_a_compiled_network_keeps_its_names_and_results() -> None:
    usual, compiled = network().eval(), network().eval()
    graphs = parts_compiled(compiled)
    assert compiled.state_dict().keys() == usual.state_dict().keys()
    frames, audio = clip()
    with torch.no_grad():  # as training and evaluation call it, by parts
        found = compiled.decode(compiled.encode(frames), audio).logits
        torch.testing.assert_close(found, usual(frames, audio).logits)
        assert len(graphs) >= 4  # encoder, reductions, TPAVI, decoder; parts of like shape may share one
        before = len(graphs)
        compiled.crop_features(frames[..., :32, :32])
    assert len(graphs) > before  # the encoder, for another size


def test_a_compiled_localiser_compiles_what_it_trains_with() -> None:
    net = Localiser("resnet18").double()
    graphs = parts_compiled(net)
    frames, audio = clip()
    net.audio_cosines(frames, audio)
    assert graphs
