"""The stage: reads params and the run's folders, writes the page and the summary, prints the comparison."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.utils.errors import PipelineError
from stages.report import main


@pytest.fixture
def at_run(finish: Callable, values: dict, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run as the working directory, with params that name it."""
    finished = finish()
    values["train"]["seeds"] = [1, 2]
    values["train"]["variants"] = ["baseline", "proposed"]
    (finished.root / "params.yaml").write_text(yaml.safe_dump(values))
    (finished.root / "data/boxes").mkdir()
    (finished.root / "data/boxes/problems.csv").write_text(
        "file,level,kind,detail\na.xml,error,no_boxes,none\n"
    )
    monkeypatch.chdir(finished.root)
    return finished.root


def test_stage_writes_the_page_and_the_summary(at_run: Path, capsys: pytest.CaptureFixture) -> None:
    main()
    said = capsys.readouterr().out
    assert "proposed is" in said and "test M_J" in said
    text = (at_run / "reports/index.html").read_text()
    assert "1 problem found (1 error, 0 warnings): no boxes (1)" in text
    assert "the audio stage left no info.json" in text  # no data/audio/info.json
    summary = json.loads((at_run / "metrics/summary.json").read_text())
    assert set(summary) == {"baseline", "proposed", "difference"}
    first = (at_run / "reports/index.html").read_bytes(), (at_run / "metrics/summary.json").read_bytes()
    main()
    assert first == (
        (at_run / "reports/index.html").read_bytes(),
        (at_run / "metrics/summary.json").read_bytes(),
    )


def test_a_run_that_is_missing_is_named(at_run: Path) -> None:
    (at_run / "data/eval/proposed-2/figures.json").unlink()
    with pytest.raises(PipelineError, match=r"proposed-2/figures\.json"):
        main()
    assert not (at_run / "reports").exists()
