"""Stage `train`: one variant with one seed."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

from dvclive import Live
from rich.console import Console
from rich.progress import Progress
from scmrepo.exceptions import SCMError

import pipeline
from pipeline.checkpoint.weights import initial_weights
from pipeline.config.params import load_params
from pipeline.config.paths import CATALOG, LOGS, MODELS, PLAN, RESUME
from pipeline.config.run_config import differences, read_run_config
from pipeline.dataset.training import open_training_data
from pipeline.training.fabric import make_fabric
from pipeline.training.resume import ResumeState
from pipeline.training.train import train
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import digest
from stages.common import run

CODE = ("checkpoint", "dataset", "losses", "metrics", "model", "ops", "training")  # as in dvc.yaml


def main(variant: str, seed: int) -> None:
    """Train VARIANT with SEED by data/plan/VARIANT.json; write models/ and logs/.

    An interrupted run goes on where it stopped, unless params, data or code have changed since.

    Example: python -m stages.train proposed 1
    """
    machine = load_params().train
    plan = read_run_config(PLAN / f"{variant}.json")
    fabric = make_fabric(machine.devices, plan.precision)
    fabric.launch()  # further processes run this command from its start, and join here
    first = fabric.is_global_zero
    name = f"{variant}-{seed}"
    here = Path(pipeline.__file__).parent
    resume = ResumeState(RESUME, name, plan.fingerprint(seed, digest([here / part for part in CODE])))
    for path, old in resume.strangers() if first else ():
        changed = differences(old, plan.model_dump(mode="json")) if old else ["it cannot be read"]
        why = "; ".join(changed or ["the seed or the code"])
        print(f"{path}: left by an interrupted run with other settings ({why}): not used; remove it at will")

    data = open_training_data(CATALOG.parent, plan, seed)
    steps = plan.epochs * -(-len(data.train_rows) // plan.batch_size)
    bar = Progress(console=Console(stderr=True)) if first and sys.stderr.isatty() else nullcontext()
    with _live(LOGS / name) if first else nullcontext() as log, bar as progress:
        task = progress.add_task(f"train {name}", total=steps) if progress else None
        train(
            plan,
            seed,
            data.clips,
            data.train_rows,
            data.val_rows,
            MODELS / name,
            resume=resume,
            log=log,
            say=lambda line: print(f"{name}  {line}", flush=True),
            fabric=fabric,
            initial=initial_weights(plan.model, network=plan.network),
            checkpointing=machine.checkpointing,
            compiled=machine.compile,
            captured=machine.cuda_graph,
            on_batch=(lambda: progress.advance(task)) if progress and task is not None else (lambda: None),
        )


def _live(folder: Path) -> Live:
    try:
        return Live(str(folder), dvcyaml=None, save_dvc_exp=False, report=None)
    except SCMError as error:  # `git init` alone: DVCLive asks for the commit that it belongs to
        raise PipelineError(
            f"git: {error}; commit the project (`git add -A && git commit`), then run `dvc repro` again."
        ) from error


if __name__ == "__main__":
    run(main)
