"""dvc.yaml against the code: a stage runs again when what it computes with has changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stages.train import CODE
from tests.helpers.paths import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# how files are read and written, work is shared out and errors are shown: results are the same without
PLUMBING = {
    "utils",
    "config",
    "data/catalog.py",
    "data/categories.py",
    "data/clip.py",
    "data/readers",
    "losses/terms.py",
}
UNUSED = {  # imported on the way, and not called by this stage
    "demo": {"data/media.py"},
    "boxes": {"data/media.py"},
    "crops": {"data/media.py"},
    "pseudo_masks": {"data/images.py", "data/media.py"},
    "plan": {"checkpoint", "data/media.py", "model", "ops"},
    "train": {"data/media.py"},
    "evaluate": {"data/media.py", "losses", "training"},
    "report": {"data/media.py"},
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
    names = {path.relative_to(ROOT / "pipeline").as_posix() for path in found}
    return {name for name in names if not name.endswith("__init__.py")}


def depends(stage: str) -> set[str]:
    deps = STAGES[stage]["deps"]
    return {dep.removeprefix("pipeline/") for dep in deps if dep.startswith("pipeline/")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_runs(stage: str) -> None:
    known = depends(stage) | PLUMBING | UNUSED.get(stage, set())
    parents = {file: {file, *(p.as_posix() for p in Path(file).parents)} for file in code_of(stage)}
    assert [file for file, places in parents.items() if not places & known] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_nothing_that_it_does_not_run(stage: str) -> None:
    code = code_of(stage)
    assert [dep for dep in depends(stage) if not any(f == dep or f.startswith(f"{dep}/") for f in code)] == []


def test_an_interrupted_training_goes_on_only_by_the_code_that_dvc_watches() -> None:
    assert set(CODE) == depends("train")


def test_stages_that_open_the_catalogues_files_depend_on_the_data() -> None:
    """The catalogue holds paths alone: a mask that is fixed leaves its bytes as they are."""
    on_data = {stage for stage, spec in STAGES.items() if "${data.root}" in spec.get("deps", ())}
    assert on_data == {"clips", "frames", "boxes", "audio", "negatives"}
