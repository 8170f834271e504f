"""A data set in S4's layout whose categories are none of AVSBench's, from its table to labels and report."""

from __future__ import annotations

import contextlib
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from pipeline.cli import labels_project
from pipeline.cli.app import app
from pipeline.labels.studio.regions import regions
from pipeline.labels.voc.label_paths import Frame, label_path
from pipeline.labels.voc.voc_xml import Annotation, Box, read_voc, write_voc
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.paths import ROOT
from tests.helpers.repository import ALL, copy_of_the_tree, stages_run
from tests.helpers.trees import (
    ANIMALS,
    Row,
    add_s4_frames,
    add_s4_masks,
    s4_data,
    tone,
    write_real_s4,
    write_s4_table,
    write_sound,
)

ROWS: list[Row] = [
    ("clip0", 0, "ant & bee", "train"),
    ("clip1", 0, "fox, red", "train"),
    ("clip2", 0, "koala <young>", "val"),
    ("clip3", 0, "狼", "train"),
    ("clip4", 0, "狼", "test"),
]
CLASSES = ["ant & bee", "fox, red", "koala <young>", "狼"]
TRAIN = [(name, category) for name, _, category, split in ROWS if split == "train"]


class DrawnStudio(FakeStudio):
    """A server whose annotator has drawn the same box in every frame, in the clip's category."""

    def annotated(self, project: int) -> list[dict[str, Any]]:
        def draw(task: dict[str, Any]) -> dict[str, Any]:
            box = Box(task["data"]["category"], 1, 1, 112, 112)
            result = regions([box], task["data"]["width"], task["data"]["height"])
            return {**task, "annotations": [{"id": task["id"], "completed_by": 1, "result": result}]}

        return [draw(task) for task in self.held]

    def people(self) -> dict[int, str]:
        return {1: "ann"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> Path:
    """A project with a small tree of frames and sounds."""
    write_s4_table(tmp_path / "animals", ROWS)
    for row in ROWS:
        add_s4_masks(tmp_path / "animals", row)
        add_s4_frames(tmp_path / "animals", row)
        sound = tone(5, 16_000, ANIMALS[row[2]])
        write_sound(s4_data(tmp_path / "animals", "audio_wav", row) / f"{row[0]}.wav", sound)
    values["data"].update(source="s4", root="animals")
    values["labels"].update(dir="labels/voc")
    values["compute"].update(jobs=1)
    values["model"].update(image_size=32)
    values["crops"].update(size=32)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/label_studio.xml").write_text((ROOT / "labels/label_studio.xml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _stages(*names: str) -> None:
    for name in names:
        import_module(f"stages.{name}").main()


def _avs(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_labels_loop_and_the_data_stages(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stages("clips", "frames")
    studio = DrawnStudio()
    monkeypatch.setattr(labels_project, "studio", lambda: contextlib.nullcontext(studio))
    assert "15 tasks added" in _avs("labels", "push")
    assert studio.project is not None
    labels = fromstring(studio.project["label_config"]).findall(".//Label")
    assert [label.get("value") for label in labels] == CLASSES
    assert "15 labels written" in _avs("labels", "pull")
    for name, category in TRAIN:
        file = project / "labels/voc" / label_path(Frame(name, 1), category)
        assert read_voc(file).boxes == (Box(category, 1, 1, 112, 112),)
    assert "fit to train on" in _avs("labels", "check")

    _avs("labels", "export", "labelimg")
    assert Path("labelimg/classes.txt").read_text(encoding="utf-8").splitlines() == CLASSES
    write_voc(
        Path("labelimg/clip0_1.xml"),
        Annotation(224, 224, (Box("ant & bee", 1, 1, 100, 112),), "clip0_1.jpg"),
    )
    assert "1 labels written, 14 unchanged" in _avs("labels", "import", "labelimg")
    assert "✗" not in _avs("doctor")

    _stages("boxes", "crops", "audio")
    boxes = pd.read_parquet("data/boxes/boxes.parquet")
    assert boxes.groupby("category").size().to_dict() == {category: 5 for _, category in TRAIN}
    assert boxes["xmax"].min() == 100
    assert np.load("data/crops/present.npy").all()
    assert np.load("data/audio/features.npy").shape[0] == len(ROWS)


@pytest.mark.slow
def test_the_whole_pipeline(tmp_path: Path) -> None:
    rows = write_real_s4(tmp_path / "animals", tmp_path / "voc", ANIMALS)
    assert {row[2] for row in rows} == set(ANIMALS)
    repository = copy_of_the_tree(
        tmp_path,
        data={"source": "s4", "root": str(tmp_path / "animals")},
        labels={"dir": str(tmp_path / "voc")},
    )
    assert stages_run(repository.run("dvc", "repro")) == ALL
    for variant in ("baseline", "proposed"):
        assert 0 <= repository.json(f"metrics/{variant}-1.json")["miou"] <= 1
    assert repository.json("data/plan/proposed.json")["categories"] == sorted(ANIMALS)
    page = (repository.root / "reports/index.html").read_text(encoding="utf-8")
    tested = {row[2] for row in rows if row[3] == "test"}
    assert [name for name in tested if escape(name) not in page] == []
    assert "<young>" not in page
    said = repository.call("avs", "doctor").stdout
    assert "not as many as AVSBench" in said
