"""Which frame a label file belongs to."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.clip import Clip
from pipeline.labels.voc.label_paths import (
    Frame,
    UnmatchedFile,
    frame_of,
    image_id,
    label_path,
    locate,
    split_stem,
)
from pipeline.labels.voc.rules import KINDS
from tests.helpers.paths import ROOT


def _clip(category: str, split: str) -> Clip:
    return Clip("any", category, split, 0, "v.mp4", None, None, [None] * 5, None, None, None)


CLIPS = {
    "-abc_7": _clip("dog_barking", "train"),
    "xyz": _clip("helicopter", "val"),
    "multi": _clip("", "train"),
}


@pytest.mark.parametrize(
    "path",
    [
        "dog_barking/-abc_7/-abc_7_3.xml",
        "-abc_7/-abc_7_3.xml",
        "-abc_7_3.xml",
        "dog_barking/-abc_7_3.xml",
        "train/dog_barking/-abc_7/-abc_7_3.xml",
        "-abc_7.mp4_3.XML",
    ],
)
def test_every_layout_leads_to_the_frame(path: str) -> None:
    assert locate(path, CLIPS) == Frame("-abc_7", 3)


def test_a_frame_outside_the_train_split_is_one_too() -> None:
    assert frame_of("helicopter/xyz_1.xml", CLIPS) == Frame("xyz", 1)


def test_a_name_in_unicodes_other_form_leads_to_the_frame() -> None:
    """macOS decomposes: an accent is a character of its own."""
    clips = {"caf\u00e9": _clip("dog_barking", "train")}
    assert locate("dog_barking/cafe\u0301/cafe\u0301_2.xml", clips) == Frame("caf\u00e9", 2)


def test_ms3_names() -> None:
    assert locate("multi/multi.mp4_5.xml", CLIPS) == Frame("multi", 5)
    assert label_path(Frame("multi", 5), "") == "multi/multi_5.xml"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("-abc_7_6.xml", "not_a_frame"),
        ("-abc_7_0.xml", "not_a_frame"),
        ("-abc_7.xml", "not_a_frame"),
        ("notes.xml", "not_a_frame"),
        ("other_1.xml", "unknown_clip"),
        ("helicopter/-abc_7/-abc_7_1.xml", "misplaced"),
        ("xyz_1.xml", "not_train"),
    ],
)
def test_what_has_no_place_says_why(path: str, kind: str) -> None:
    place = locate(path, CLIPS)
    assert isinstance(place, UnmatchedFile)
    assert place.kind == kind


_NAMES = st.text(min_size=1).map(lambda text: unicodedata.normalize("NFC", text))  # as the catalogue has them


@given(_NAMES, st.integers(1, 5), st.sampled_from(["", "dog_barking"]))
def test_a_written_path_is_found_again(name: str, number: int, category: str) -> None:
    frame = Frame(name, number)
    clips = {name: _clip(category, "train")}
    if "/" not in name and not name.endswith(".mp4"):
        assert locate(label_path(frame, category), clips) == frame
        assert split_stem(image_id(frame)) == frame


def test_the_guide_names_every_kind_of_problem_and_its_pictures_are_small() -> None:
    folder = ROOT / "labels"
    guide = (folder / "guide.md").read_text()
    for kind, (level, meaning) in KINDS.items():
        assert f"| {kind} | {level} | {meaning} |" in guide
    pictures = re.findall(r"\]\((guide/[a-z]+\.jpg)\)", guide)
    assert len(pictures) == 5
    assert sum((folder / picture).stat().st_size for picture in pictures) < 150_000
