"""The preflight of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.cli.data_check import PUBLISHED, check_data
from pipeline.cli.doctor import doctor_app
from pipeline.config.params import Params, parse_params
from pipeline.data.readers.s4 import CATEGORIES
from pipeline.utils.errors import PipelineError
from tests.helpers.trees import (
    Row,
    add_s4_frames,
    add_s4_masks,
    s4_data,
    square,
    tone,
    write_image,
    write_s4_table,
    write_sound,
)

ROWS: list[Row] = [
    ("-a", 0, "race_car", "train"),
    ("b", 0, "race_car", "val"),
    ("c", 6, "cat_meowing", "test"),
]
OBJECT = (
    "<object><name>race_car</name><bndbox>"
    "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
)
BOX = f"<annotation>{OBJECT}</annotation>"
TWO = f"<annotation>{OBJECT}{OBJECT}</annotation>"


@pytest.fixture
def params(tmp_path: Path, values: dict[str, Any]) -> Params:
    """A whole tree of three clips, which params' demo sizes describe."""
    write_s4_table(tmp_path, ROWS)
    for row in ROWS:
        add_s4_frames(tmp_path, row)
        add_s4_masks(tmp_path, row)
    folder = tmp_path / "labels" / "race_car" / "-a"
    folder.mkdir(parents=True)
    for k in range(1, 6):
        (folder / f"-a_{k}.xml").write_text(BOX)
    values["data"].update(source="demo", root=str(tmp_path))
    values["labels"]["dir"] = str(tmp_path / "labels")
    values["demo"].update(setting="s4", train=1, val=1, test=1)
    return parse_params(values)


def test_published_sizes() -> None:
    assert {name: sum(sizes.values()) for name, sizes in PUBLISHED.items()} == {"s4": 4932, "ms3": 424}
    assert PUBLISHED["s4"]["train"] * 5 == 17_260


def test_whole_data_pass(params: Params) -> None:
    counts = check_data(params)
    assert all(count.good for count in counts)
    assert {count.what: count.found for count in counts} == {
        "clips, train": 1,
        "clips, val": 1,
        "clips, test": 1,
        "clips": 3,
        "clips with video or frames": 3,
        "clips with sound": 3,
        "masks, train": 1,
        "masks, val": 5,
        "masks, test": 5,
        "frames with a label": 5,
        "boxes": 5,
    }


def test_a_demo_not_made_yet_is_reported(params: Params, tmp_path: Path) -> None:
    data = params.data.model_copy(update={"root": tmp_path / "none"})
    with pytest.raises(PipelineError, match=r"none: the demo is not made yet; run `dvc repro demo`"):
        check_data(params.model_copy(update={"data": data}))


def test_a_linked_folder_is_refused_since_dvc_does_not_look_into_it(params: Params, tmp_path: Path) -> None:
    masks = next(path for path in (tmp_path / "Single-source").rglob("gt_masks") if path.is_dir())
    masks.rename(tmp_path / "elsewhere")
    masks.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PipelineError, match="gt_masks: is a link to a folder"):
        check_data(params)
    masks.unlink()
    (tmp_path / "elsewhere").rename(masks)
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)  # data.root itself may be one
    check_data(params.model_copy(update={"data": params.data.model_copy(update={"root": link})}))


def test_what_is_missing_is_counted_and_named(params: Params) -> None:
    root = params.data.root
    (s4_data(root, "audio_wav", ROWS[1]) / "b.wav").unlink()
    (s4_data(root, "visual_frames", ROWS[2]) / "c" / "c_2.png").unlink()
    (s4_data(root, "gt_masks", ROWS[2]) / "c" / "c_3.png").unlink()
    (s4_data(root, "gt_masks", ROWS[2]) / "c" / "c_4.png").unlink()
    folder = params.labels.dir / "race_car" / "-a"
    (folder / "-a_2.xml").unlink()
    (folder / "-a_3.xml").write_text(TWO)
    (folder / "-a_4.xml").write_text(BOX[:-20])
    bad = {count.what: count for count in check_data(params) if not count.good}
    assert {what: (count.found, count.expected) for what, count in bad.items()} == {
        "clips with sound": (2, 3),
        "clips with video or frames": (2, 3),
        "masks, test": (3, 5),
        "frames with a label": (3, 5),
        "boxes": (4, 3),
    }
    assert "b.wav" in bad["clips with sound"].missing[0]
    assert len(bad["masks, test"].missing) == 2
    absent, torn = bad["frames with a label"].missing
    assert absent.startswith("no -a_2.xml under") and "-a_4.xml: is not XML" in torn
    assert bad["boxes"].missing == [f"{folder}/-a_3.xml: 2 boxes"]


def test_labels_are_found_as_the_stage_finds_them(params: Params) -> None:
    labels = params.labels.dir
    folder = labels / "race_car" / "-a"
    (folder / "-a_1.xml").rename(folder / "-a_1.XML")
    (folder / "-a_2.xml").rename(folder / "-a.mp4_2.xml")
    (folder / "-a_3.xml").write_text("<annotation></annotation>")  # "not visible" is an answer
    for stray in (".hidden_1.xml", "b_1.xml", "notes.xml"):
        (labels / stray).write_text(BOX)
    counts = {count.what: count for count in check_data(params)}
    assert all(count.good for count in counts.values())
    assert (counts["boxes"].found, counts["boxes"].expected) == (4, 4)
    notes = counts["frames with a label"].notes
    assert [note.split(": ")[0] for note in notes] == [
        f"{labels}/b_1.xml",
        f"{labels}/notes.xml",
        f"{folder}/-a_3.xml",
    ]


def test_masks_too_many_are_wrong_too(params: Params) -> None:
    write_image(s4_data(params.data.root, "gt_masks", ROWS[0]) / "-a" / "-a_2.png", square())
    bad = [count for count in check_data(params) if not count.good]
    assert [(count.what, count.found, count.expected) for count in bad] == [("masks, train", 1, 1)]
    assert "move away -a_2.png" in bad[0].missing[0]


def test_s4_is_compared_with_the_published_sizes(params: Params) -> None:
    """Whichever clips are there: it is known by its 23 categories."""
    rows: list[Row] = [(f"c{n}", 0, category, "train") for n, category in enumerate(CATEGORIES)]
    write_s4_table(params.data.root, rows)
    whole = params.model_copy(update={"data": params.data.model_copy(update={"source": "s4"})})
    found = {count.what: (count.found, count.expected) for count in check_data(whole)}
    assert found["clips, train"] == (23, 3452)
    assert found["clips"] == (23, 4932)


def test_other_data_in_the_layout_of_s4_are_not(params: Params) -> None:
    own = params.model_copy(update={"data": params.data.model_copy(update={"source": "s4"})})
    counts = check_data(own)
    assert all(count.good for count in counts)
    assert {count.what: (count.found, count.expected) for count in counts}["clips"] == (3, 3)
    (note,) = [note for count in counts for note in count.notes]
    assert note == "not as many as AVSBench's S4, which has 3,452 train, 740 val, 740 test"


def test_ms3_may_have_several_boxes_a_frame(params: Params, tmp_path: Path) -> None:
    data = tmp_path / "ms3" / "Multi-sources" / "ms3_data"
    for name, split in (("m1", "train"), ("m2", "val"), ("m3", "test")):
        for k in range(1, 6):
            write_image(data / "gt_masks" / split / name / f"{name}_{k}.png", square())
            write_image(data / "visual_frames" / name / f"{name}.mp4_{k}.png", square())
            (params.labels.dir / f"m1.mp4_{k}.xml").write_text(TWO)
        write_sound(data / "audio_wav" / split / f"{name}.wav", tone(5, 16_000))
    (data.parent / "ms3_meta_data.csv").write_text("m1,train\nm2,val\nm3,test\n")
    for file in (params.labels.dir / "race_car" / "-a").iterdir():
        file.unlink()
    multi = params.data.model_copy(update={"source": "ms3", "root": tmp_path / "ms3"})
    counts = check_data(params.model_copy(update={"data": multi}))
    assert [count.what for count in counts if not count.good] == []
    assert "frames with a label" in {count.what for count in counts if count.found == 5}
    assert "masks, train" in {count.what for count in counts if count.found == 5}
    unlabelled = params.labels.model_copy(update={"dir": tmp_path / "nowhere"})
    counts = check_data(params.model_copy(update={"data": multi, "labels": unlabelled}))
    assert all(count.good for count in counts)  # no boxes of MS3 are published


@pytest.mark.parametrize("words", [["data"], []])
def test_the_command_prints_the_counts_and_fails(
    params: Params, values: dict[str, Any], tmp_path: Path, words: list[str]
) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(values))
    arguments = [*words, "--params", str(file)]
    good = CliRunner().invoke(doctor_app, arguments)
    assert good.exit_code == 0, good.output
    (params.labels.dir / "notes.xml").write_text(BOX)
    noted = CliRunner().invoke(doctor_app, arguments)
    assert noted.exit_code == 0 and "notes.xml" in noted.output
    assert "masks, test" in good.output
    (s4_data(params.data.root, "audio_wav", ROWS[1]) / "b.wav").unlink()
    bad = CliRunner().invoke(doctor_app, arguments)
    assert bad.exit_code == 1
    assert "b.wav" in bad.output
