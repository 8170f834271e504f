"""`avs compare`: evaluated models, by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.utils.errors import PipelineError

# M_J of four clips, by seed
BASELINE = {1: [0.5, 0.6, 0.7, 0.8], 2: [0.6, 0.7, 0.8, 0.9]}  # means .65, .75
LISTENING = {1: [0.6, 0.7, 0.8, 0.9], 2: [0.6, 0.8, 0.92, 1.0]}  # means .75, .83


def write(folder: Path, scores: list[float], other: float) -> Path:
    """per_clip.csv of clips whose M_J is `other` under each other sound."""
    folder.mkdir(parents=True)
    table = pd.DataFrame({"name": [f"c{n}" for n in range(len(scores))], "miou": scores})
    for condition in ("silence", "white", "pink", "other_category"):
        table[f"miou_{condition}"], table[f"area_{condition}"] = other, other / 10
    table["swap_passed"] = 1.0
    table.to_csv(folder / "per_clip.csv", index=False)
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    made = [write(tmp_path / f"one/baseline-{seed}", scores, 0.5) for seed, scores in BASELINE.items()]
    made += [write(tmp_path / f"two/listening-{seed}", scores, 0.0) for seed, scores in LISTENING.items()]
    return [str(folder) for folder in made]


def rows(printed: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]


def compare(monkeypatch: pytest.MonkeyPatch, *folders: str, columns: int = 240) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = CliRunner().invoke(app, ["compare", *folders], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def means(printed: str) -> dict[tuple[str, str], list[str]]:
    """Cells after figure and variant, of the table of means."""
    return {(row[0], row[1]): row[2:] for row in rows(printed) if " minus " not in row[1]}


def test_means_over_seeds(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = means(compare(monkeypatch, *folders))
    rest = ["1, 2", "4"]
    assert found["M_J", "baseline"] == ["0.700 ± 0.071", *rest]
    assert found["M_J", "listening"] == ["0.790 ± 0.057", *rest]
    assert found["M_J, another's", "baseline"] == ["0.500 ± 0.000", *rest]
    for sound in ("silence", "white", "pink", "another's"):
        # G of each seed: 2 * .65 * .5 / 1.15 = .56522, 2 * .75 * .5 / 1.25 = .6
        assert found[f"G-mIoU, {sound}", "baseline"] == ["0.583 ± 0.025", *rest]
    assert found["area", "baseline"] == ["0.050 ± 0.000", *rest]
    assert found["swap test", "listening"] == ["1.000 ± 0.000", *rest]


def test_differences_are_paired(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = [row for row in rows(compare(monkeypatch, *folders)) if row[1] == "listening minus baseline"]
    # by clip and seed: .1 .1 .1 .1, then 0 .1 .12 .1
    assert found[0][0] == "M_J"
    assert found[0][2].startswith("+0.090 (")
    # under every other sound one shows nothing where the other has .5, in every clip and seed
    assert all(float(row[3].removeprefix("< ")) < 0.05 and row[4] == "better" for row in found[1:])
    assert [row[0] for row in found[1:]] == [
        f"G-mIoU, {sound}" for sound in ("silence", "white", "pink", "another's")
    ]
    turned = rows(compare(monkeypatch, *folders[2:], *folders[:2]))
    (row,) = [row for row in turned if row[:2] == ["M_J", "baseline minus listening"]]
    assert row[2].startswith("−0.090")


def test_a_sound_that_no_clip_was_given(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in folders:
        table = pd.read_csv(f"{folder}/per_clip.csv")
        table["miou_white"] = table["area_white"] = None
        table.to_csv(f"{folder}/per_clip.csv", index=False)
    sounds = {row[0] for row in rows(compare(monkeypatch, *folders)) if row[0].startswith("G-mIoU")}
    assert sounds == {"G-mIoU, silence", "G-mIoU, pink", "G-mIoU, another's"}


def test_eighty_columns_cut_nothing(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "…" not in compare(monkeypatch, *folders, columns=80)


def test_one_variant_has_no_differences(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "minus" not in compare(monkeypatch, *folders[:2])


def test_what_is_wrong_with_a_folder_is_said(folders: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty-1").mkdir()
    (tmp_path / "blank-1").mkdir()
    (tmp_path / "blank-1/per_clip.csv").write_text("name,miou\n")
    for given, said in (
        (folders[0] + "/per_clip.csv", "is not called VARIANT-SEED"),
        (str(tmp_path / "empty-1"), "has no per_clip.csv"),
        (str(tmp_path / "blank-1"), "with scores"),
    ):
        with pytest.raises(PipelineError, match=said):
            CliRunner().invoke(app, ["compare", given], catch_exceptions=False)
    with pytest.raises(PipelineError, match="a second baseline-1"):
        CliRunner().invoke(app, ["compare", folders[0], folders[0]], catch_exceptions=False)


def test_clips_that_not_all_runs_have_are_said(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in folders[2:]:
        pd.read_csv(f"{folder}/per_clip.csv").iloc[1:].to_csv(f"{folder}/per_clip.csv", index=False)
    printed = compare(monkeypatch, *folders)
    assert "listening minus baseline (M_J; G-mIoU, silence; G-mIoU, white; " in printed
    assert ": over 3 of 4 clips and seed 1, 2; only of these all runs have scores." in " ".join(
        printed.split()
    )
    (row,) = [row for row in rows(printed) if row[:2] == ["M_J", "listening minus baseline"]]
    assert row[2].startswith("+0.103")  # .1 .1 .1, then .1 .12 .1


def test_variants_that_share_no_seed_are_told(folders: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    printed = compare(monkeypatch, folders[0], folders[3])  # baseline-1, listening-2
    assert "listening and baseline share no seed, so that they are not compared" in printed
    assert "share no seed" not in compare(monkeypatch, *folders)


def test_what_is_left_out_is_told_of_the_differences_that_are_made(
    folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of a seed that the other lacks leaves out nothing but its seed, whatever its clips."""
    write(tmp_path / "one/baseline-3", [0.5], 0.5)
    proposed = write(tmp_path / "two/proposed-2", [0.6, 0.7], 0.5)
    write(tmp_path / "two/zeta-1", [0.6, 0.7, 0.8, 0.9], 0.5)
    printed = " ".join(
        compare(
            monkeypatch,
            *folders,
            str(tmp_path / "one/baseline-3"),
            str(proposed),
            str(tmp_path / "two/zeta-1"),
        ).split()
    )
    said = "; only of these all runs have scores."
    assert f"): over 4 of 4 clips and seed 1, 2 (not 3){said}" in printed  # listening minus baseline
    assert f"listening minus proposed (M_J): over 2 of 4 clips and seed 2 (not 1){said}" in printed
    assert "zeta and proposed share no seed" in printed and "zeta and baseline share" not in printed
    pairs = [row for row in rows(compare(monkeypatch, *folders)) if " minus " in row[1]]
    assert pairs and "only of these" not in compare(monkeypatch, *folders)


def test_a_sound_that_some_clips_lack_is_compared_over_the_rest(
    folders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in folders:
        table = pd.read_csv(f"{folder}/per_clip.csv")
        table.loc[2:, ["miou_white", "area_white"]] = None
        table.to_csv(f"{folder}/per_clip.csv", index=False)
    printed = compare(monkeypatch, *folders)
    # of the first two clips: 2 * .55 * .5 / 1.05 = .52381, 2 * .65 * .5 / 1.15 = .56522
    assert means(printed)["G-mIoU, white", "baseline"][0] == "0.545 ± 0.029"
    assert means(printed)["G-mIoU, pink", "baseline"][0] == "0.583 ± 0.025"
    assert "listening minus baseline (G-mIoU, white): over 2 of 4 clips and seed 1, 2;" in printed


def test_names_are_printed_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets and colons too, which rich takes for markup and emoji."""
    folders = [
        str(write(tmp_path / name, [0.5, 0.6, 0.7], 0.5)) for name in ("base[v2]-1", "x[bold]-1", ":b:-2")
    ]
    printed = compare(monkeypatch, *folders)
    assert ("M_J", "base[v2]") in means(printed) and ("M_J", ":b:") in means(printed)
    assert any(row[1] == "x[bold] minus base[v2]" for row in rows(printed))
    assert ":b: and base[v2] share no seed" in printed
