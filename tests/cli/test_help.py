"""Every command explains itself, with an example."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.app import app

STAGES = (
    "demo",
    "clips",
    "frames",
    "boxes",
    "crops",
    "pseudo_masks",
    "audio",
    "negatives",
    "plan",
    "train",
    "evaluate",
    "report",
)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of `group` and of every command below it."""
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


@pytest.mark.parametrize("words", commands(typer.main.get_command(app)), ids=" ".join)
def test_help_has_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert " ".join(("Example: avs", *words)) in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_an_example(name: str) -> None:
    assert f"Example: python -m stages.{name}" in (import_module(f"stages.{name}").main.__doc__ or "")
