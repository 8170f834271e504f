"""Labels and frames out for labelImg, and what comes back from there."""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path

import pytest

from pipeline.data.catalog import clips_by_name
from pipeline.labels.sync.export_voc import Exported, export_voc
from pipeline.labels.sync.from_studio import Collected
from pipeline.labels.sync.import_labels import read_sources
from pipeline.labels.sync.merge import IncomingLabel, Merge
from pipeline.labels.sync.pull import merge_into_folder
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.voc_xml import Annotation, Box, read_voc, voc_text
from pipeline.utils.errors import PipelineError
from tests.helpers.label_files import CLASSES, DOG, TRAIN, catalog, full, label

CLIPS = clips_by_name(catalog())
PATH = "dog_barking/abc/abc_1.xml"


def _images(tmp_path: Path) -> Path:
    """The frames of the three train clips."""
    for name, category in {**TRAIN, "multi": ""}.items():
        for k in range(1, 6):
            file = tmp_path / "images/train" / category / name / f"{name}_{k}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"jpeg")
    return tmp_path / "images"


def _export(tmp_path: Path, images: Path | None = None, folder: str = "voc") -> Exported:
    return export_voc(tmp_path / folder, CLIPS, CLASSES, tmp_path / "out", tmp_path / "s.json", images)


def test_export_does_not_hand_on_what_labelimg_would_not_show(tmp_path: Path) -> None:
    full(tmp_path / "voc")
    file = tmp_path / "voc/dog_barking/abc/abc_3.xml"
    file.write_text(file.read_text().replace("<filename>abc_3.jpg</filename>", ""))
    export_voc(tmp_path / "voc", CLIPS, CLASSES, tmp_path / "out", tmp_path / "s.json")
    assert read_voc(tmp_path / "out/abc_3.xml").filename == "abc_3.jpg"
    assert read_voc(tmp_path / "out/abc_3.xml").boxes == read_voc(file).boxes


def test_export_as_labelimg_opens_it(tmp_path: Path) -> None:
    full(tmp_path / "voc")
    (tmp_path / "voc/dog_barking/abc/abc_5.xml").write_text("no")
    done = export_voc(
        tmp_path / "voc", CLIPS, CLASSES, tmp_path / "out", tmp_path / "s.json", _images(tmp_path)
    )
    assert (done.labels, done.images, len(done.left_out)) == (9, 15, 1)
    out = tmp_path / "out"
    assert (out / "classes.txt").read_text().splitlines() == [*CLASSES]
    for xml in out.glob("*.xml"):
        assert xml.with_suffix(".jpg").exists() and read_voc(xml).filename == xml.with_suffix(".jpg").name
    back = read_sources([out], CLIPS)
    assert len(back.labels) == 9
    with pytest.raises(PipelineError, match="not empty"):
        export_voc(tmp_path / "voc", CLIPS, CLASSES, out, tmp_path / "s.json")


def test_frames_go_out_before_anything_is_labelled(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="voc: no such folder of labels"):
        _export(tmp_path)
    assert not (tmp_path / "out").exists()
    done = _export(tmp_path, _images(tmp_path))
    assert (done.labels, done.images, done.left_out) == (0, 15, [])
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 15 and (tmp_path / "out/classes.txt").exists()
    assert not (tmp_path / "voc").exists()


def test_the_file_that_training_reads_goes_out_and_the_rest_is_listed(tmp_path: Path) -> None:
    label(tmp_path / "voc", "-def", 1, Box("helicopter", 1, 2, 30, 40))
    label(tmp_path / "voc", "-def", 7, Box("helicopter", 1, 2, 30, 40))
    old = tmp_path / "voc/old/-def_1.xml"
    old.parent.mkdir()
    old.write_text(voc_text(Annotation(160, 120, (DOG,), "-def_1.jpg")))
    (tmp_path / "voc/ghost_1.xml").write_text("<annotation/>")
    done = _export(tmp_path, _images(tmp_path))
    assert done.labels == 1
    assert [file.name for file in (tmp_path / "out").glob("*.xml")] == ["-def_1.xml"]
    assert read_voc(tmp_path / "out/-def_1.xml").boxes[0].xmax == 30
    left = ["ghost_1.xml", "helicopter/-def/-def_7.xml", "old/-def_1.xml"]
    assert sorted(file for file, _ in done.left_out) == left


def test_one_bad_file_costs_only_itself(tmp_path: Path) -> None:
    full(tmp_path / "voc")
    bad = tmp_path / "voc/dog_barking/abc/abc_2.xml"
    bad.write_text(bad.read_text().replace("<name>dog_barking", "<name>dog\nbarking"))
    images = _images(tmp_path)
    (images / "train/dog_barking/abc/abc_1.jpg").unlink()
    done = _export(tmp_path, images)
    assert (done.labels, done.images) == (9, 14)
    told = {Path(file).name: why for file, why in done.left_out}
    assert sorted(told) == ["abc_1.jpg", "abc_2.xml"] and "dvc repro frames" in told["abc_1.jpg"]


def test_an_export_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full(tmp_path / "voc")
    (tmp_path / "out").mkdir()
    with pytest.raises(PipelineError, match="none of the frames"):
        _export(tmp_path, tmp_path / "nowhere")
    real = Path.write_bytes

    def full_disk(path: Path, data: bytes) -> int:
        if path.name == "abc_3.xml":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(PipelineError, match="No space left on device"):
        _export(tmp_path)
    assert not list((tmp_path / "out").iterdir()) and not list(tmp_path.glob(".out*"))
    monkeypatch.undo()
    assert _export(tmp_path).labels == 10


def test_labels_on_a_read_only_disk_go_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full(tmp_path / "voc")
    monkeypatch.setattr("os.access", lambda path, mode: False)  # a test that runs as root may write anywhere
    monkeypatch.setattr(
        "pipeline.labels.voc.folder_transaction.exclusive_lock", None
    )  # which would lock it, is not called
    assert _export(tmp_path).labels == 10


def test_a_target_that_is_a_file_is_reported(tmp_path: Path) -> None:
    full(tmp_path / "voc")
    (tmp_path / "out").write_text("x")
    with pytest.raises(PipelineError, match="out: is a file"):
        _export(tmp_path)


def test_a_target_among_the_labels_is_refused(tmp_path: Path) -> None:
    full(tmp_path / "voc")
    with pytest.raises(PipelineError, match="where every file is a label"):
        export_voc(
            tmp_path / "voc", clips_by_name(catalog()), CLASSES, tmp_path / "voc/out", tmp_path / "s.json"
        )
    assert not (tmp_path / "voc/out").exists()


def test_what_is_changed_in_labelimg_comes_back_and_stays(tmp_path: Path) -> None:
    """A project labels, its labels go out, one is changed there and comes back; the project says the same
    as before.
    """
    record, voc = tmp_path / "s.json", tmp_path / "voc"

    def project(xmin: int) -> Merge:
        boxes = (Box("dog_barking", xmin, 30, 61, 70),)
        text = voc_text(Annotation(160, 120, boxes, "abc_1.jpg"))
        theirs = IncomingLabel("http://x/projects/1", text.encode())
        return merge_into_folder(
            voc, Collected(labels={Frame("abc", 1): theirs}, complete={theirs.source}), CLIPS, record
        )

    def labelimg(xmin: int) -> Merge:
        file = tmp_path / "out/abc_1.xml"
        file.write_text(re.sub("<xmin>\\d+", f"<xmin>{xmin}", file.read_text()))
        return merge_into_folder(voc, read_sources([tmp_path / "out"], CLIPS), CLIPS, record)

    def here() -> int:
        return read_voc(voc / PATH).boxes[0].xmin

    project(21)
    _export(tmp_path)
    assert list(labelimg(40).write) == [PATH] and here() == 40
    assert labelimg(40).same == 1
    assert (project(21).ours_changed, here()) == ([PATH], 40)
    assert list(labelimg(41).write) == [PATH] and here() == 41
    assert (project(25).conflicts, here()) == ([PATH], 41)


def test_a_new_export_to_the_same_place_forgets_the_old_one(tmp_path: Path) -> None:
    full(tmp_path / "voc")
    _export(tmp_path)
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "voc" / PATH).unlink()
    _export(tmp_path)
    (tmp_path / "out/abc_1.xml").write_text(voc_text(Annotation(160, 120, (DOG,), "abc_1.jpg")))
    plan = merge_into_folder(
        tmp_path / "voc", read_sources([tmp_path / "out"], CLIPS), CLIPS, tmp_path / "s.json"
    )
    assert list(plan.write) == [PATH]  # drawn again, where no label was: nothing to decide
