"""What the commands tell on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
import yaml
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.cli.labels_print import FEW, show_merge, show_quality
from pipeline.labels.review.quality import assess
from pipeline.labels.sync.from_studio import Collected
from pipeline.labels.sync.merge import Merge
from pipeline.labels.voc.table import check, read_folder
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.label_files import CLASSES, DOG, catalog, label
from tests.helpers.studio_project import make_project


def test_every_file_that_was_replaced_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"abc_{number}.xml" for number in range(3 * FEW)]
    show_merge(Merge(replaced=names, gone=["abc_1.xml"]), Collected(doubtful=[("abc_2", "why")]), Path("voc"))
    said = capsys.readouterr().out
    assert "had been changed here, and were replaced: 30" in said and all(name in said for name in names)
    assert "no longer labelled there" in said and "worth a look: 1" in said and "abc_2: why" in said


def test_all_that_a_person_has_to_look_at_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def names(kind: str) -> list[str]:
        return [f"{kind}_{number}." for number in range(3 * FEW)]

    collected = Collected(
        left_out=[(name, "why") for name in names("left")],
        doubtful=[(name, "why") for name in names("doubtful")],
    )
    with pytest.raises(typer.Exit):
        plan = Merge(conflicts=names("conflict"), gone=names("gone"), ours_changed=names("ours"))
        plan.removed = names("removed")
        show_merge(plan, collected, Path("voc"))
    said = capsys.readouterr().out
    kinds = ("left", "doubtful", "conflict", "gone", "ours", "removed")
    assert all(name in said for kind in kinds for name in names(kind))


def test_a_source_that_gave_nothing_is_an_error() -> None:
    with pytest.raises(PipelineError, match=r"a\.zip: gave no label: why\nb\.csv: gave no label: too"):
        show_merge(Merge(), Collected(empty_sources=[("a.zip", "why"), ("b.csv", "too")]), Path("voc"))


def test_a_folder_is_no_place_for_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(tmp_path))
    with pytest.raises(PipelineError, match=r"data: is a folder; name a file, such as data/labels\.html"):
        CliRunner().invoke(app, ["labels", "check", "--report", "data"], catch_exceptions=False)


def test_paths_are_printed_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("voc[new]/[/old]")
    show_merge(Merge(write={"x.xml": b"x"}), Collected(left_out=[("a\udcff[b]\\", "why")]), folder)
    said = capsys.readouterr().out
    assert f"{folder}: 1 labels" in said and f"dvc add {folder};" in said
    assert "a\\udcff[b]\\: why" in said
    project = make_project(tmp_path)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["labels"]["dir"] = "labels/[old]"
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    (project / "labels/.[old].old").mkdir()  # as a kill between the two renames leaves it
    monkeypatch.chdir(project)
    done = CliRunner().invoke(app, ["labels", "export", "out[/x]", "--images"], catch_exceptions=False)
    assert "labels/[old]: put back" in done.output and "out[/x]: 0 labels" in done.output


def test_the_help_gives_an_example() -> None:
    assert "Example: avs labels serve" in CliRunner().invoke(app, ["labels", "--help"]).output


@pytest.mark.parametrize(("labelled", "said"), [(False, "no usable box yet"), (True, "fit to train on\n")])
def test_without_an_error_no_error_is_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labelled: bool, said: str
) -> None:
    if labelled:
        label(tmp_path, "abc", 1, DOG)
    drawn = read_folder(tmp_path, catalog(), workers=SERIAL)
    usable, problems = check(drawn, catalog(), CLASSES)
    show_quality(Console(soft_wrap=True), assess(catalog(), drawn, usable, problems, []))
    told = capsys.readouterr().out
    assert said in told and "errors above" not in told
