"""Printed figures against the kept scores: tables of the notebook and the manual, from scores.parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.metrics.listening import NEGATIVE_CONDITIONS, g_miou
from tests.helpers.paths import ROOT

NOTEBOOK = ROOT / "docs/notebook"
SCORES = pd.read_parquet(NOTEBOOK / "scores.parquet")


def tables(page: Path, heading: str) -> list[list[list[str]]]:
    """Cells of the tables under a heading, up to the next one, without the tables' heads."""
    section = page.read_text(encoding="utf-8").split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    blocks = [block for block in section.split("\n\n") if block.startswith("|")]
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]
        for block in blocks
    ]


SECTIONS = [
    tables(NOTEBOOK / "2026-11-27-two-worlds.md", "# Two worlds: the main results"),
    tables(NOTEBOOK / "2026-11-26-price-of-listening.md", "## Longer, and from a deaf baseline's weights"),
]
MEANS, DIFFERENCES = ([row for section in SECTIONS for row in section[place]] for place in (0, 1))


def scores_of(trained: str, tested: str, variant: str) -> pd.DataFrame:
    chosen = (SCORES.trained == trained) & (SCORES.tested == tested) & (SCORES.variant == variant)
    return SCORES[chosen]


def figures(trained: str, tested: str, variant: str) -> pd.DataFrame:
    """Means over the clips, a row a seed: M_J by condition, G-mIoU, area and the two-source test."""
    rows = {}
    for seed, run in scores_of(trained, tested, variant).groupby("seed"):
        mean = run.groupby("condition")[["miou", "area", "swap_passed"]].mean()
        gains = {f"g_{name}": g_miou(mean.miou["true"], mean.miou[name]) for name in NEGATIVE_CONDITIONS}
        rows[seed] = {
            **mean.miou.to_dict(),
            **gains,
            "area": mean.area[list(NEGATIVE_CONDITIONS)].mean(),
            "swap": mean.swap_passed.get("silent_object", float("nan")),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def printed(found: pd.DataFrame, key: str) -> str:
    """`mean (standard deviation)` over seeds, as the tables print it."""
    spread = f" ({found[key].std(ddof=1):.3f})" if len(found) > 1 else ""
    return f"{found[key].mean():.3f}{spread}"


def percent(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.0%}".replace("%", " %")


@pytest.mark.parametrize("row", MEANS, ids=lambda row: "-".join(row[:3]))
def test_a_row_of_the_notebook_is_what_the_scores_say(row: list[str]) -> None:
    trained, tested, variant, seeds, own, others, listening, area, swap = row
    found = figures(trained, tested, variant)
    mean = found.mean()
    assert seeds == ", ".join(map(str, found.index))
    assert own == printed(found, "true")
    assert others == f"{mean['other_category']:.3f}"
    assert listening == " / ".join(f"{mean[f'g_{name}']:.3f}" for name in NEGATIVE_CONDITIONS)
    assert area == f"{mean['area']:.3f}"
    assert swap == percent(mean["swap"])


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: "-".join(row[:2]))
def test_a_difference_is_what_avs_compare_says(
    row: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, tested, *differences = row
    lines = [
        line
        for line in compared(trained, tested, tmp_path, monkeypatch)
        if "listening minus baseline" in line
    ]
    for difference, line in zip(differences, lines, strict=True):
        assert difference.replace("-", "−") in line


def compared(trained: str, tested: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines of `avs compare` of all variants with such scores, the baseline first."""
    chosen = SCORES[(SCORES.trained == trained) & (SCORES.tested == tested)]
    folders = [
        folder
        for name in sorted(chosen.variant.unique())
        for folder in evaluated(place, trained, tested, name)
    ]
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner().invoke(app, ["compare", *folders], catch_exceptions=False).output.splitlines()


def evaluated(place: Path, trained: str, tested: str, variant: str) -> list[str]:
    """Folders VARIANT-SEED as `avs listen --clips` writes them, made from the kept scores."""
    folders = []
    for seed, run in scores_of(trained, tested, variant).groupby("seed"):
        folder = place / f"{variant}-{seed}"
        folder.mkdir()
        wide = run.pivot_table(index="clip", columns="condition", values="miou").add_prefix("miou_")
        wide = wide.rename(columns={"miou_true": "miou"})
        areas = run.pivot_table(index="clip", columns="condition", values="area").add_prefix("area_")
        wide.join(areas).rename_axis("name").to_csv(folder / "per_clip.csv")
        folders.append(str(folder))
    return folders


WORLDS = {  # objects in view in training and in the test, as the manual names them: as the scores name them
    ("one object in view", "one object"): ("alone, gate", "alone"),
    ("one object in view", "two objects"): ("alone, gate", "crowded"),
    ("two objects in view", "two objects"): ("crowded, on a GPU", "crowded"),
}
MANUAL = [
    *tables(ROOT / "docs/listening.md", "## The answer")[0],
    *(
        [row[0], row[0].removesuffix(" in view"), *row[1:]]
        for row in tables(ROOT / "README.md", "## What to expect")[0]
    ),
]


@pytest.mark.parametrize("row", MANUAL, ids=lambda row: "-".join(row[:3]))
def test_a_row_of_the_manual_is_what_the_scores_say(row: list[str]) -> None:
    trained, tested, variant, own, others, silence, swap = row
    found = figures(*WORLDS[trained, tested], variant)
    mean = found.mean()
    assert len(found) == 5
    assert own == printed(found, "true")
    assert [others, silence] == [f"{mean[name]:.3f}" for name in ("other_category", "silence")]
    assert swap == percent(mean["swap"])


STATED = [  # M_J of a difference, as the manual states it in a sentence
    (
        "README.md",
        "two objects in view",
        "proposed minus baseline",
        "0.016 more M_J than the baseline, interval -0.019 to 0.052",
        "+0.016 (−0.019 to +0.052)",
    ),
    (
        "docs/listening.md",
        "two objects in view",
        "proposed minus baseline",
        "+0.016 over the baseline (-0.019 to +0.052)",
        "+0.016 (−0.019 to +0.052)",
    ),
    (
        "docs/listening.md",
        "two objects in view",
        "proposed minus boxes-only",
        "+0.010 over the same boxes\nwithout them (-0.015 to +0.035)",
        "+0.010 (−0.015 to +0.035)",
    ),
    (
        "docs/listening.md",
        "two objects in view",
        "listening minus baseline",
        "it gains 0.046 (0.026 to 0.066)",
        "+0.046 (+0.026 to +0.066)",
    ),
    (
        "docs/listening.md",
        "one object in view",
        "listening minus baseline",
        "loses 0.008 of M_J (95 %\ninterval 0.006 to 0.010)",
        "−0.008 (−0.010 to −0.006)",
    ),
]


@pytest.mark.parametrize(("page", "world", "difference", "stated", "computed"), STATED)
def test_a_difference_that_the_manual_states_is_computed(
    page: str,
    world: str,
    difference: str,
    stated: str,
    computed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert " ".join(stated.split()) in text
    names = next(names for (trained, _), names in WORLDS.items() if trained == world)
    line = next(line for line in compared(*names, tmp_path, monkeypatch) if difference in line)
    assert line.split()[1] == "M_J" and computed in line


def test_every_kept_score_is_in_a_table() -> None:
    kept = set(SCORES[["trained", "tested", "variant"]].itertuples(index=False, name=None))
    assert kept == {tuple(row[:3]) for row in MEANS}
    assert not SCORES.duplicated(["trained", "tested", "variant", "seed", "clip", "condition"]).any()
