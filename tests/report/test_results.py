"""The figures that docs/listening.md and its trials print are those of the scores kept in docs/results."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou
from tests.helpers.paths import ROOT

RESULTS = ROOT / "docs/results"
FOLDERS = {  # trained, tested: folder
    ("alone", "alone"): "alone",
    ("alone, gate", "alone"): "alone-gate-gpu",
    ("alone, gate", "crowded"): "alone-gate-gpu-in-crowded",
    ("alone, both", "alone"): "alone-both",
    ("alone, both", "crowded"): "alone-both-in-crowded",
    ("alone, 200 clips", "alone"): "alone-200",
    ("alone, 200 clips", "crowded"): "alone-200-in-crowded",
    ("alone, twice as long", "alone"): "alone-twice",
    ("alone, three times as long", "alone"): "alone-thrice",
    ("alone, from that baseline", "alone"): "alone-from-baseline",
    ("alone, from that baseline, 10 epochs more", "alone"): "alone-15-from-baseline",
    ("alone, from that baseline, 20 epochs more", "alone"): "alone-25-from-baseline",
    ("alone, from that baseline, 35 epochs more", "alone"): "alone-40-from-baseline",
    ("alone", "crowded"): "alone-in-crowded",
    ("alone, twice as long", "crowded"): "alone-twice-in-crowded",
    ("alone, from that baseline", "crowded"): "alone-from-baseline-in-crowded",
    ("alone, from that baseline, 10 epochs more", "crowded"): "alone-15-from-baseline-in-crowded",
    ("alone, from that baseline, 20 epochs more", "crowded"): "alone-25-from-baseline-in-crowded",
    ("crowded", "crowded"): "crowded",
    ("crowded, on a GPU", "crowded"): "crowded-gpu",
}


def tables(page: str, heading: str) -> list[list[list[str]]]:
    """Cells of the tables of that section, without their heads."""
    section = (ROOT / "docs" / page).read_text().split(f"### {heading}\n", 1)[1]
    blocks = [block for block in section.split("\n### ", 1)[0].split("\n\n") if block.startswith("|")]
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]
        for block in blocks
    ]


SECTIONS = [
    tables("listening.md", "Two worlds"),
    tables("listening-trials.md", "Longer, and from a deaf baseline's weights"),
]
MEANS, DIFFERENCES = ([row for section in SECTIONS for row in section[place]] for place in (0, 1))


def figures(trained: str, tested: str, variant: str) -> tuple[list[str], pd.DataFrame]:
    """The seeds of a variant, and its means over the clips: a row a seed, M_J and G-mIoU among them."""
    folders = sorted((RESULTS / FOLDERS[trained, tested]).glob(f"{variant}-*"))
    rows = []
    for folder in folders:
        mean = pd.read_csv(folder / "per_clip.csv").mean(numeric_only=True)
        heard = {f"g_{name}": g_miou(mean["miou"], mean[f"miou_{name}"]) for name in NEGATIVE_CONDITIONS}
        area = mean[[f"area_{name}" for name in NEGATIVE_CONDITIONS]].mean()
        rows.append({**mean.to_dict(), **heard, "area": area})
    return [folder.name.rpartition("-")[2] for folder in folders], pd.DataFrame(rows)


@pytest.mark.parametrize("row", MEANS, ids=lambda row: "-".join(row[:3]))
def test_a_row_of_the_table_is_what_the_scores_say(row: list[str]) -> None:
    trained, tested, variant, seeds, own, others, listening, area, swap = row
    found, scores = figures(trained, tested, variant)
    mean = scores.mean()
    spread = f" ({scores['miou'].std(ddof=1):.3f})" if len(scores) > 1 else ""
    assert seeds == ", ".join(found)
    assert own == f"{mean['miou']:.3f}{spread}"
    assert others == f"{mean['miou_other_category']:.3f}"
    assert listening == " / ".join(f"{mean[f'g_{name}']:.3f}" for name in NEGATIVE_CONDITIONS)
    assert area == f"{mean['area']:.3f}"
    assert swap == (f"{mean['swap_passed']:.0%}".replace("%", " %") if "swap_passed" in mean else "")


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: "-".join(row[:2]))
def test_a_difference_is_what_avs_compare_says(row: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    trained, tested, *differences = row
    monkeypatch.setenv("COLUMNS", "200")
    folders = sorted(map(str, (RESULTS / FOLDERS[trained, tested]).iterdir()))
    result = CliRunner().invoke(app, ["compare", *folders], catch_exceptions=False)
    lines = [line for line in result.output.splitlines() if "listening minus baseline" in line]
    for difference, line in zip(differences, lines, strict=True):
        assert difference.replace("-", "−") in line


def test_every_kept_score_stands_in_the_table() -> None:
    kept = {(folder.parent.name, folder.name.rpartition("-")[0]) for folder in RESULTS.glob("*/*")}
    assert kept == {(FOLDERS[row[0], row[1]], row[2]) for row in MEANS}
