"""The figures that docs/listening.md prints are those of the scores kept in docs/results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.listening import NEGATIVES, g_miou

ROOT = Path(__file__).parents[1]
FOLDERS = {  # row of the table: folder
    ("alone", "alone"): "alone",
    ("alone, then as many epochs again", "alone"): "alone-twice",
    ("alone", "crowded"): "alone-in-crowded",
    ("alone, then as many epochs again", "crowded"): "alone-twice-in-crowded",
    ("crowded", "crowded"): "crowded",
}


def tables() -> list[list[list[str]]]:
    """Cells of the tables of that section, without their heads."""
    section = (ROOT / "docs/listening.md").read_text().split("### Four times the clips, one seed\n", 1)[1]
    blocks = [block for block in section.split("\n### ", 1)[0].split("\n\n") if block.startswith("|")]
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]
        for block in blocks
    ]


MEANS, DIFFERENCES = tables()


@pytest.mark.parametrize("row", MEANS, ids=lambda row: "-".join(row[:3]))
def test_a_row_of_the_table_is_what_the_scores_say(row: list[str]) -> None:
    trained, tested, variant, own, others, listening, area, swap = row
    clips = pd.read_csv(ROOT / "docs/results" / FOLDERS[trained, tested] / f"{variant}-1/per_clip.csv")
    mean = clips.mean(numeric_only=True)
    assert own == f"{mean['miou']:.3f}"
    assert others == f"{mean['miou_other_category']:.3f}"
    assert listening == " / ".join(f"{g_miou(mean['miou'], mean[f'miou_{name}']):.3f}" for name in NEGATIVES)
    assert area == f"{mean[[f'area_{name}' for name in NEGATIVES]].mean():.3f}"
    assert swap == (f"{mean['swap_passed']:.0%}".replace("%", " %") if "swap_passed" in mean else "")


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: "-".join(row[:2]))
def test_a_difference_is_what_avs_compare_says(row: list[str]) -> None:
    trained, tested, difference = row
    folders = sorted(map(str, (ROOT / "docs/results" / FOLDERS[trained, tested]).iterdir()))
    result = CliRunner().invoke(app, ["compare", *folders], catch_exceptions=False)
    line = next(line for line in result.output.splitlines() if "M_J" in line and " to " in line)
    assert difference.replace("-", "−") in line
