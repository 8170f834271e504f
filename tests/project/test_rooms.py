"""The rooms of pipeline/: which may import which, in one table; imports go one way only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

PIPELINE = ROOT / "pipeline"
# a room may import itself and these; losses.terms, which knows no torch, is the one exception for config
MAY_IMPORT: dict[str, set[str]] = {
    "utils": set(),
    "ops": set(),
    "metrics": set(),
    "losses": {"ops"},
    "config": {"utils", "losses.terms"},
    "data": {"ops", "utils"},
    "audio": {"data", "utils"},
    "model": {"ops"},
    "dataset": {"config", "data", "ops", "utils"},
    "checkpoint": {"config", "data", "model", "utils"},
    "training": {"checkpoint", "config", "dataset", "losses", "metrics", "model", "ops", "utils"},
    "evaluation": {"audio", "checkpoint", "config", "data", "dataset", "metrics", "model", "utils"},
    "labels": {"config", "data", "utils"},
    "demo": {"config", "data", "labels", "utils"},
    "report": {"config", "data", "evaluation", "losses.terms", "metrics", "utils"},
    "cli": {
        *("audio", "checkpoint", "config", "data", "dataset", "evaluation", "labels", "metrics"),
        *("model", "report", "utils"),
    },
}
LABELS: dict[str, set[str]] = {
    "voc": set(),
    "studio": {"voc"},
    "review": {"studio", "voc"},
    "sync": {"review", "studio", "voc"},
}


def imports(path: Path) -> Iterator[str]:
    """The modules of the project that a file imports, below `pipeline.`, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith("pipeline."):
            base = node.module.removeprefix("pipeline").lstrip(".")
            if base.count(".") == 0:  # `from pipeline.room import module`, or a name of the room itself
                yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
            else:
                yield base
        elif isinstance(node, ast.Import):
            yield from (
                a.name.removeprefix("pipeline.") for a in node.names if a.name.startswith("pipeline.")
            )


def test_only_rooms_at_the_top() -> None:
    names = {path.name for path in PIPELINE.iterdir() if path.name != "__pycache__"}
    assert names == {"__init__.py", *MAY_IMPORT} and len(MAY_IMPORT) <= 20


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    wrong = [
        f"{path.relative_to(PIPELINE)} imports {name}"
        for path in (PIPELINE / room).rglob("*.py")
        for name in imports(path)
        if not any(f"{name}.".startswith(f"{allowed}.") for allowed in {room} | MAY_IMPORT[room])
    ]
    assert wrong == []


@pytest.mark.parametrize("room", LABELS)
def test_a_room_of_labels_imports_only_what_it_may(room: str) -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in (PIPELINE / "labels" / room).rglob("*.py")
        for name in imports(path)
        if name.startswith("labels.") and name.split(".")[1] not in {room} | LABELS[room]
    ]
    assert wrong == []


def test_imports_make_no_circle() -> None:
    """Between rooms by the table above, and between modules by what they import."""
    TopologicalSorter(
        {room: {m.split(".")[0] for m in may} - {room} for room, may in MAY_IMPORT.items()}
    ).prepare()
    modules = {
        ".".join(path.relative_to(PIPELINE).with_suffix("").parts): path for path in PIPELINE.rglob("*.py")
    }
    graph = {
        name: {found for found in imports(path) if found in modules and found != name}
        for name, path in modules.items()
    }
    TopologicalSorter(graph).prepare()


def test_nothing_imports_a_stage_and_no_test_imports_another() -> None:
    for folder in ("pipeline", "benchmarks"):
        assert [p for p in (ROOT / folder).rglob("*.py") if "from stages" in p.read_text()] == []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests"):
                assert node.module.startswith("tests.helpers"), f"{path} imports {node.module}"


def test_files_are_small() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PIPELINE.rglob("*.py")}
    assert {path.name: count for path, count in lines.items() if count > 300} == {}
    assert sum(count for path, count in lines.items() if path.parent == PIPELINE / "model") < 1000
