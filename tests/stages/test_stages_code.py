"""dvc.yaml against the code: a stage runs again when what it computes with has changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stages.train import CODE

ROOT = Path(__file__).parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# how files are read and written, work is shared out and errors are shown: results are the same without
PLUMBING = {
    *("catalog.py", "categories.py", "clip.py", "errors.py", "files.py", "packed.py", "parallel.py"),
    *("params.py", "plan.py", "progress.py", "readers", "resume.py", "variants.py"),
}
UNUSED = {  # imported on the way, and not called by this stage
    "boxes": {"video.py"},
    "crops": {"video.py"},
    "outlines": {"frames.py", "video.py"},
    "plan": {"model", "video.py", "weights.py"},
    "train": {"video.py"},
    "evaluate": {
        "distributed.py",
        "losses",
        "masks.py",
        "negative_sounds.py",
        "paste.py",
        "stand_ins.py",
        "video.py",
    },
    "report": {"video.py"},
}


def imported(path: Path) -> Iterator[Path]:
    """The project's files that one of them imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "pipeline":
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                base = ROOT.joinpath(*name.split("."))
                yield from (f for f in (base.with_suffix(".py"), base / "__init__.py") if f.is_file())


def code_of(stage: str) -> set[str]:
    """Every file of pipeline/ that a stage imports, directly or not, relative to pipeline/."""
    waiting, found = [ROOT / "stages" / f"{stage}.py"], set()
    while waiting:
        new = set(imported(waiting.pop())) - found
        found |= new
        waiting += new
    return {path.relative_to(ROOT / "pipeline").as_posix() for path in found} - {"__init__.py"}


def depends(stage: str) -> set[str]:
    deps = STAGES[stage]["deps"]
    return {dep.removeprefix("pipeline/") for dep in deps if dep.startswith("pipeline/")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_runs(stage: str) -> None:
    known = depends(stage) | PLUMBING | UNUSED.get(stage, set())
    assert {file for file in code_of(stage) if file not in known and file.split("/")[0] not in known} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_nothing_that_it_does_not_run(stage: str) -> None:
    code = code_of(stage)
    assert [dep for dep in depends(stage) if not any(f == dep or f.startswith(f"{dep}/") for f in code)] == []


def test_an_interrupted_training_goes_on_only_by_the_code_that_dvc_watches() -> None:
    assert set(CODE) == depends("train")


def test_stages_that_open_the_catalogues_files_depend_on_the_data() -> None:
    """The catalogue holds paths alone: a mask that is mended leaves its bytes as they are."""
    on_data = {stage for stage, told in STAGES.items() if "${data.root}" in told.get("deps", ())}
    assert on_data == {"clips", "frames", "boxes", "audio", "negatives"}
