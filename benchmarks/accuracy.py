"""Is speed bought with accuracy? The project's own baseline trained by each precision: time beside M_J."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ROOT, Setup, apart, failure, row, table

VARIANT = "baseline"
PRECISIONS = ("32-true", "bf16-mixed")


def report(setup: Setup) -> Iterator[str]:
    """A line for each precision; left out without the data of `dvc repro`, and where bfloat16 is emulated."""
    if not (ROOT / "data" / "plan" / f"{VARIANT}.json").exists():
        yield f"Left out: there is no data/plan/{VARIANT}.json; run `dvc repro plan` first."
        return
    if setup.emulates_bfloat16:
        yield "Left out: bfloat16 is slower than float32 here."
        return
    seeds = (1,) if setup.quick else (1, 2)
    yield f"Variant {VARIANT} by data/plan/{VARIANT}.json; M_J on the validation split, the best epoch's."
    yield "What a change of seed alone does is the yardstick.\n"
    yield from table("precision", "seed", "M_J", "training", "times", "peak")
    base = 0.0
    for seed in seeds:
        for precision in PRECISIONS:
            case = {"precision": precision, "seed": seed, "epochs": 1 if setup.quick else None}
            result = apart("benchmarks.accuracy:measure", device=setup.device, **case)
            if line := failure(result, precision, 6):
                yield line
                continue
            base = base or result["seconds"]
            yield row(
                [
                    *(precision, seed, f"{result['miou']:.4f}", f"{result['seconds']:.0f} s"),
                    *(f"{base / result['seconds']:.2f}", f"{result['peak']:.2f} GB"),
                ]
            )


def measure(precision: str, seed: int, epochs: int | None, device: str) -> dict[str, float]:
    """Train the variant outside DVC, into a folder that is thrown away; best validation M_J and seconds."""
    import time

    import torch
    from lightning_fabric import Fabric

    from benchmarks.training import Nothing
    from pipeline.checkpoint.weights import initial_weights
    from pipeline.config.run_config import read_run_config
    from pipeline.dataset.training import open_training_data
    from pipeline.training.resume import ResumeState
    from pipeline.training.train import train

    data = ROOT / "data"
    changes = {"precision": precision, "keep_epochs": []} | ({"epochs": epochs} if epochs else {})
    plan = read_run_config(data / "plan" / f"{VARIANT}.json").model_copy(update=changes)
    opened = open_training_data(data, plan, seed)
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        start = time.perf_counter()
        train(
            plan,
            seed,
            opened.clips,
            opened.train_rows,
            opened.val_rows,
            out,
            resume=ResumeState(out / "resume", VARIANT, VARIANT),
            log=Nothing(),
            say=lambda line: None,
            fabric=Fabric(accelerator=device, devices=1, precision=precision),
            initial=initial_weights(plan.model),
        )
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "miou": torch.load(out / "best.pt", weights_only=True)["val_miou"]}
