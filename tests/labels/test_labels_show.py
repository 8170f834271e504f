"""What the commands tell on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from labels_world import DOG, catalog, label
from rich.console import Console

from pipeline.cli_labels_show import FEW, show_quality, show_settled
from pipeline.labels.collect import Collected
from pipeline.labels.merge import Merge
from pipeline.labels.quality import assess
from pipeline.labels.table import check, read_folder


def test_every_file_that_was_replaced_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"abc_{number}.xml" for number in range(3 * FEW)]
    show_settled(
        Merge(replaced=names, gone=["abc_1.xml"]), Collected(doubtful=[("abc_2", "why")]), Path("voc")
    )
    said = capsys.readouterr().out
    assert "had been changed here, and were replaced: 30" in said and all(name in said for name in names)
    assert "no longer labelled there" in said and "worth a look: 1" in said and "abc_2: why" in said


@pytest.mark.parametrize(("labelled", "said"), [(False, "no usable box yet"), (True, "fit to train on\n")])
def test_without_an_error_no_error_is_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labelled: bool, said: str
) -> None:
    if labelled:
        label(tmp_path, "abc", 1, DOG)
    drawn = read_folder(tmp_path, catalog(), jobs=1)
    usable, problems = check(drawn, catalog())
    show_quality(Console(soft_wrap=True), assess(catalog(), drawn, usable, problems, []))
    told = capsys.readouterr().out
    assert said in told and "errors above" not in told
