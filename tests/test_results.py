"""The figures that docs/listening.md prints are those of the scores kept in docs/results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.listening import NEGATIVES, g_miou

ROOT = Path(__file__).parents[1]
FOLDERS = {  # row of the table: folder
    ("alone", "alone"): "alone",
    ("alone, then as many epochs again", "alone"): "alone-twice",
    ("alone", "crowded"): "alone-in-crowded",
    ("alone, then as many epochs again", "crowded"): "alone-twice-in-crowded",
    ("crowded", "crowded"): "crowded",
}


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table under a heading, without its head."""
    section = (ROOT / "docs/listening.md").read_text().split(f"### {heading}\n", 1)[1]
    lines = [line for line in section.split("\n### ", 1)[0].splitlines() if line.startswith("|")]
    first = lines[2 : next((n for n, line in enumerate(lines[2:], 2) if "---" in line), len(lines) + 1) - 1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in first]


@pytest.mark.parametrize("row", rows("Four times the clips, one seed"), ids=lambda row: "-".join(row[:3]))
def test_a_row_of_the_table_is_what_the_scores_say(row: list[str]) -> None:
    trained, tested, variant, own, others, listening, area, swap = row
    clips = pd.read_csv(ROOT / "docs/results" / FOLDERS[trained, tested] / f"{variant}-1/per_clip.csv")
    mean = clips.mean(numeric_only=True)
    assert own == f"{mean['miou']:.3f}"
    assert others == f"{mean['miou_other_category']:.3f}"
    assert listening == " / ".join(f"{g_miou(mean['miou'], mean[f'miou_{name}']):.3f}" for name in NEGATIVES)
    assert area == f"{mean[[f'area_{name}' for name in NEGATIVES]].mean():.3f}"
    assert swap == (f"{mean['swap_passed']:.0%}".replace("%", " %") if "swap_passed" in mean else "")
