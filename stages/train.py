"""Stage `train`: one variant with one seed."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from dvclive import Live
from rich.console import Console
from rich.progress import Progress

import pipeline
from pipeline.batches import Clips, open_packed
from pipeline.catalog import read_catalog
from pipeline.files import digest
from pipeline.launch import make_fabric
from pipeline.negative_sounds import NegativeSounds
from pipeline.params import load_params
from pipeline.plan import differences, read_plan
from pipeline.resume import ResumeState
from pipeline.train import rows_of, train
from pipeline.weights import initial_weights
from stages.common import AUDIO, BANK, CATALOG, CROPS, FRAMES, LOGS, MODELS, PLAN, run

RESUME = Path(".resume")
CODE = (
    *("model", "losses", "augment.py", "batches.py", "distributed.py", "metrics.py", "negative_sounds.py"),
    *("objective.py", "train.py"),
)


def main(variant: str, seed: int) -> None:
    """Train VARIANT with SEED by data/plan/VARIANT.json; write models/ and logs/.

    An interrupted run goes on where it stopped, unless params, data or code have changed since.

    Example: python -m stages.train proposed 1
    """
    machine = load_params().train
    plan = read_plan(PLAN / f"{variant}.json")
    fabric = make_fabric(machine.devices, plan.precision)
    fabric.launch()  # further processes run this command from its start, and join here
    first = fabric.is_global_zero
    catalog = read_catalog(CATALOG)
    name = f"{variant}-{seed}"
    here = Path(pipeline.__file__).parent
    resume = ResumeState(RESUME, name, plan.fingerprint(seed, digest([here / part for part in CODE])))
    for path, old in resume.strangers() if first else ():
        changed = differences(old, plan.model_dump(mode="json")) or ["the seed or the code"]
        print(f"{path}: left by an interrupted run with other settings ({'; '.join(changed)}): not used")

    splits = catalog["split"].to_numpy()
    category = np.array(
        [plan.categories.index(c) if c in plan.categories else -1 for c in catalog["category"]]
    )
    audio = np.load(AUDIO / "features.npy", mmap_mode="r") if plan.audio else None
    negatives = None
    if plan.loss.negatives > 0 and audio is not None:
        bank, share = open_packed(BANK), plan.loss.negative_share
        rows = rows_of(splits, "train")
        negatives = NegativeSounds(audio, bank, catalog["category"].tolist(), rows, share=share, seed=seed)
    clips = Clips(FRAMES, audio, CROPS if plan.crops else None, category, negatives)
    steps = plan.epochs * -(-int((splits == "train").sum()) // plan.batch_size)
    bar = Progress(console=Console(stderr=True)) if first and sys.stderr.isatty() else nullcontext()
    live = Live(str(LOGS / name), dvcyaml=None, save_dvc_exp=False, report=None) if first else nullcontext()
    with live as log, bar as progress:
        task = progress.add_task(f"train {name}", total=steps) if progress else None
        train(
            plan,
            seed,
            clips,
            rows_of(splits, "train"),
            rows_of(splits, "val"),
            MODELS / name,
            resume=resume,
            log=log,
            say=lambda line: print(f"{name}  {line}", flush=True),
            fabric=fabric,
            initial=initial_weights(plan.model),
            checkpointing=machine.checkpointing,
            compiled=machine.compile,
            on_batch=(lambda: progress.advance(task)) if progress and task is not None else (lambda: None),
        )


if __name__ == "__main__":
    run(main)
