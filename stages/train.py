"""DVC stage `train`: one variant with one seed."""

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
from pipeline.config.paths import DATA, LOGS, MODELS, PLAN, RESUME
from pipeline.config.run_config import differences, read_run_config
from pipeline.dataset.training import open_training_data
from pipeline.training.fabric import make_fabric
from pipeline.training.resume import ResumeState
from pipeline.training.train import TrainOptions, train
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import digest
from stages.common import run

# the code that decides a run's result; dvc.yaml lists the same, which a test holds it to
CODE = (
    *("checkpoint", "dataset", "losses", "metrics", "model", "ops", "training"),
    "utils/random_streams.py",
)


def main(variant: str, seed: int) -> None:
    """Train VARIANT with SEED by data/plan/VARIANT.json; write models/ and logs/.

    An interrupted run continues where it stopped, unless params, data or code have changed since.

    Example: python -m stages.train proposed 1
    """
    machine = load_params().train
    config = read_run_config(PLAN / f"{variant}.json")
    fabric = make_fabric(machine.devices, config.precision)
    fabric.launch()  # further processes run this command from its start, and join here
    first, name = fabric.is_global_zero, f"{variant}-{seed}"
    code = digest([Path(pipeline.__file__).parent / room for room in CODE])
    resume = ResumeState(RESUME, name, config.fingerprint(seed, code))
    for path, old in resume.stale_states() if first else ():
        changed = differences(old, config.model_dump(mode="json")) if old else ["it cannot be read"]
        why = "; ".join(changed or ["the seed or the code"])
        print(f"{path}: stale state of an interrupted run ({why}); ignored, safe to delete")

    data = open_training_data(DATA, config, seed)
    steps = config.epochs * -(-len(data.train_rows) // config.batch_size)
    bar = Progress(console=Console(stderr=True)) if first and sys.stderr.isatty() else nullcontext()
    with _live(LOGS / name) if first else nullcontext() as log, bar as progress:
        task = progress.add_task(f"train {name}", total=steps) if progress else None
        train(
            config,
            seed,
            data,
            MODELS / name,
            resume=resume,
            log=log,
            say=lambda line: print(f"{name}  {line}", flush=True),
            fabric=fabric,
            initial=initial_weights(config.model, network=config.network),
            options=TrainOptions(machine.checkpointing, machine.compile, machine.cuda_graph),
            on_batch=(lambda: progress.advance(task)) if progress and task is not None else (lambda: None),
        )


def _live(folder: Path) -> Live:
    try:
        return Live(str(folder), dvcyaml=None, save_dvc_exp=False, report=None)
    except SCMError as error:  # after `git init` alone: DVCLive needs a commit to refer to
        raise PipelineError(
            f"git: {error}; commit the project (`git add -A && git commit`), then run `dvc repro` again."
        ) from error


if __name__ == "__main__":
    run(main)
