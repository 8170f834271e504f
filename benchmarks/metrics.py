"""M_F at 255 thresholds: a loop over the thresholds against one histogram."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Setup, apart, best, failure, milliseconds, row, table


def report(setup: Setup) -> Iterator[str]:
    """The loop (the published function where it is at hand, else the definition written out), then ours."""
    frames, size = (2, 64) if setup.quick else (20, 224)
    published = str(setup.published) if setup.published else None
    loop = "published loop" if published else "loop over the thresholds"
    floor = setup.floor(0, size * size * (4 + 4))  # probability and truth, read once
    yield f"{frames} frames of {size} pixels, {setup.device}.\n"
    yield from table("form", "a frame", "times", "peak", "floor", "M_F")
    base = 0.0
    for name, form in ((loop, "loop"), ("histogram", "histogram")):
        case = {"frames": frames, "size": size, "device": setup.device, "published": published}
        result = apart("benchmarks.metrics:measure", form=form, **case)
        if line := failure(result, name, 6):
            yield line
            continue
        base = base or result["seconds"]
        yield row(
            [
                *(name, milliseconds(result["seconds"]), f"{base / result['seconds']:.1f}"),
                *(f"{result['peak']:.2f} GB", milliseconds(floor), f"{result['answer']:.7f}"),
            ]
        )


def measure(form: str, frames: int, size: int, device: str, published: str | None) -> dict[str, float]:
    """Seconds a frame, and the answer."""
    import torch

    from pipeline.metrics.segmentation import fscore, fscore_curves

    torch.manual_seed(0)
    logits = torch.randn(frames, size, size) * 3
    target = (logits + torch.randn_like(logits) * 3 > 0).float()
    logits, target = logits.to(device), target.to(device)
    answers = []
    if form == "histogram":
        run = lambda: answers.append(fscore(fscore_curves(logits.sigmoid(), target)))  # noqa: E731
    elif published:
        from benchmarks.published_code import load_published

        theirs = load_published(Path(published), device=device)["metrics"]

        def run() -> None:
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
                answers.append(theirs.Eval_Fmeasure(logits, target, folder))
    else:
        run = lambda: answers.append(_loop(logits, target))  # noqa: E731
    seconds = best(run, device, repeat=10 if form == "histogram" else 2)
    return {"seconds": seconds / frames, "answer": answers[-1]}


def _loop(logits: Any, target: Any) -> float:
    """The definition: every threshold makes a mask, and the mask is scored."""
    import torch

    total = torch.zeros(255, device=logits.device)
    for probability, truth in zip(logits.sigmoid(), target, strict=True):
        for i, threshold in enumerate(torch.linspace(0, 1 - 1e-10, 255, device=logits.device)):
            mask = (probability >= threshold).float()
            hits = (mask * truth).sum()
            precision, recall = hits / (mask.sum() + 1e-20), hits / (truth.sum() + 1e-20)
            total[i] += (1.3 * precision * recall / (0.3 * precision + recall)).nan_to_num(0)
    return (total / len(logits)).max().item()
