"""docs/extending.md, followed to the letter on a copy: what it adds works, in as few files as it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.model.base import AVSModel
from tests.helpers.paths import ROOT

GUIDE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
TRAINS = """
import torch
from pipeline.config.params import load_params
from pipeline.config.run_config import make_run_config
from pipeline.dataset.clips import Batch, BoxBatch
from pipeline.losses.terms import TERMS
from pipeline.model.build import NETWORKS
from pipeline.report.curves import TITLES
from pipeline.training.objective import Objective

inputs = {name: name for name in ("clips", "category", "frames", "audio", "boxes", "crops")}
settings = NETWORKS["segmenter"].SETTINGS
config = make_run_config("consistent", load_params(), ["dog", "piano"], inputs, settings)
assert config.loss["consistency"] == 0.1
pictures = torch.randint(0, 256, (2, 5, 96, 96, 3), dtype=torch.uint8)
ones = torch.ones(2, 5, dtype=torch.bool)
boxes = torch.tensor([0.25, 0.25, 0.75, 0.75]).expand(2, 5, 4)
terms = Objective(config)(
    Batch(
        frames=pictures,
        masks=torch.randint(0, 2, (2, 5, 96, 96), dtype=torch.uint8),
        has_mask=ones,
        rows=torch.arange(2),
        audio=torch.randn(2, 5, 128),
        boxes=BoxBatch(has_box=ones, boxes=boxes, category=torch.tensor([0, 1]), crops=pictures),
    )
)
terms["consistency"].backward()
print(terms["consistency"].item(), TITLES["train/consistency"])
"""


def blocks(section: str, language: str) -> list[str]:
    """The code blocks of one section of the guide."""
    text = GUIDE.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def insert(file: Path, after: str, text: str) -> None:
    """Insert lines below the first line that is `after`."""
    before, line, rest = file.read_text(encoding="utf-8").partition(after)
    assert line, f"{file.name}: {after}"
    end = rest.index("\n") + 1
    file.write_text(before + line + rest[:end] + text + rest[end:], encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_a_loss_and_a_variant(copy: Path) -> None:
    (function,) = blocks("A loss", "python")
    (row,) = blocks("A loss", "text")
    (setting,) = blocks("A loss", "yaml")
    (entry,) = blocks("A variant", "python")
    (copy / "pipeline/losses/consistency.py").write_text(function, encoding="utf-8")
    insert(copy / "pipeline/losses/terms.py", "for term in (", row)
    insert(copy / "params.yaml", "\nloss:", setting)
    insert(copy / "pipeline/config/variants.py", "VARIANTS: dict[str, Variant] = {", entry)
    command = [sys.executable, "-c", TRAINS]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env={"PYTHONPATH": str(copy)})
    assert done.returncode == 0, done.stderr
    value, title = done.stdout.split(maxsplit=1)
    assert 0 < float(value) < 2 and title.strip() == "Consistency of crops"
    added = [line for text in (function, row, setting) for line in text.splitlines() if line.strip()]
    assert len(added) <= 40


def test_a_network_has_the_methods_of_the_interface() -> None:
    (text,) = blocks("A network", "python")
    assert set(re.findall(r"def (\w+)\(", text)) == AVSModel.__abstractmethods__
    assert "SETTINGS = " in text
