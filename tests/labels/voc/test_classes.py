"""Which classes a box may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data.catalog import to_frame
from pipeline.data.readers.s4 import CATEGORIES
from pipeline.labels.voc.classes import classes_of
from pipeline.labels.voc.table import read_labels
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.label_files import DOG, catalog, clip, label
from tests.helpers.paths import ROOT


def test_the_categories_of_the_clips_are_the_classes(tmp_path: Path) -> None:
    """Whatever the file says, which need not exist."""
    table = to_frame([clip("a", "owl", "train"), clip("b", "bee", "val"), clip("c", "owl", "test")])
    assert classes_of(table, tmp_path / "none.txt") == ("bee", "owl")
    (tmp_path / "classes.txt").write_text("dog\n")
    assert classes_of(table, tmp_path / "classes.txt") == ("bee", "owl")


def test_clips_of_several_sounds_take_theirs_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_text("owl\n\n bee \nhelicopter\n")
    assert classes_of(catalog(), file) == ("bee", "dog_barking", "helicopter", "owl")
    file.write_text("a/b\n")
    with pytest.raises(PipelineError, match=r"classes\.txt: class 'a/b' has a slash"):
        classes_of(catalog(), file)
    with pytest.raises(PipelineError, match=r"none\.txt: cannot be read"):
        classes_of(catalog(), tmp_path / "none.txt")


def test_the_file_in_git_is_avsbench_s() -> None:
    assert tuple((ROOT / "labels/classes.txt").read_text().split()) == CATEGORIES


def test_a_box_is_held_against_the_classes_of_the_data_set(tmp_path: Path) -> None:
    label(tmp_path, "abc", 1, DOG)
    label(tmp_path, "multi", 1, Box("owl", 21, 30, 61, 70))
    boxes, problems = read_labels(tmp_path, catalog(), ("dog_barking", "owl"), workers=SERIAL)
    assert set(boxes["category"]) == {"dog_barking", "owl"}
    assert set(problems["kind"]) == {"missing"}
    boxes, problems = read_labels(tmp_path, catalog(), ("dog_barking",), workers=SERIAL)
    assert boxes["category"].tolist() == ["dog_barking"]
    (detail,) = problems.loc[problems["kind"] == "unknown_class", "detail"]
    assert detail == "'owl' is none of the categories; choose one of labels/classes.txt, or add it there."
