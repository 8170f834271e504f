"""Which file of a label folder labels which frame, alike for training, merging and exporting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.data.catalog import clips_by_name
from pipeline.labels.sync.merge import IncomingLabel, apply, merge
from pipeline.labels.voc.label_index import index_labels
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.table import read_labels
from pipeline.labels.voc.voc_xml import Annotation, Box, voc_text
from pipeline.utils.parallel import SERIAL
from tests.helpers.label_files import CLASSES, DOG, catalog, label

CLIPS = clips_by_name(catalog())
RIGHT = "dog_barking/abc/abc_1.xml"


def _copy(folder: Path, source: str, target: str) -> None:
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / target).write_bytes((folder / source).read_bytes())


@pytest.mark.parametrize(
    ("other", "chosen", "kind"),
    [
        ("backup/dog_barking/abc/abc_1.xml", RIGHT, "misplaced"),
        ("abc_1.xml", RIGHT, "doubled"),
        ("train/dog_barking/abc/abc_1.xml", "train/dog_barking/abc/abc_1.xml", "doubled"),
        ("dog_barking/abc/abc.mp4_1.xml", "dog_barking/abc/abc.mp4_1.xml", "doubled"),
    ],
)
def test_training_reads_the_file_that_a_merge_writes(
    tmp_path: Path, other: str, chosen: str, kind: str
) -> None:
    label(tmp_path, "abc", 1, DOG)
    _copy(tmp_path, RIGHT, other)
    placed = index_labels(tmp_path, CLIPS)
    assert placed.files == {Frame("abc", 1): chosen}
    assert [problem[:2] for problem in placed.problems] == [(other if chosen == RIGHT else RIGHT, kind)]
    moved = Box("dog_barking", 5, 30, 61, 70)
    theirs = IncomingLabel("t", voc_text(Annotation(160, 120, (moved,), "abc_1.jpg")).encode())
    plan = merge(tmp_path, {Frame("abc", 1): theirs}, CLIPS, {}, "theirs")
    assert list(plan.write) == [chosen]
    apply(tmp_path, plan)
    boxes, _ = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert boxes["source"].tolist() == [chosen] and boxes["xmin"].tolist() == [5]


def test_clips_of_other_splits_keep_their_files_and_are_reported(tmp_path: Path) -> None:
    label(tmp_path, "val1", 1, DOG)  # flat, in the clip's own folder
    _copy(tmp_path, "val1/val1_1.xml", "val1_1.xml")
    placed = index_labels(tmp_path, CLIPS)
    assert placed.files == {Frame("val1", 1): "val1/val1_1.xml"}
    assert [kind for _, kind, _ in placed.problems] == ["not_train", "not_train"]


def test_a_name_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    label(tmp_path, "abc", 1, DOG)
    try:
        (tmp_path / os.fsdecode(b"caf\xe9_1.xml")).write_text("<annotation/>")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    _, problems = read_labels(tmp_path, catalog(), CLASSES, workers=SERIAL)
    assert r"caf\udce9_1.xml" in set(problems["file"])
    problems.to_csv(tmp_path / "problems.csv")  # it can be written


def test_no_folder_has_no_files(tmp_path: Path) -> None:
    assert index_labels(tmp_path / "none", CLIPS).files == {}
