"""Labels from elsewhere and back: labelImg folders and Label Studio exports, however laid out."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app, main
from pipeline.data.catalog import clips_by_name
from pipeline.labels.review.agreement import agreement
from pipeline.labels.review.annotations import distinct, read_annotations
from pipeline.labels.studio.regions import regions
from pipeline.labels.sync.import_labels import read_sources
from pipeline.labels.sync.merge import Merge
from pipeline.labels.sync.pull import merge_into_folder
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.table import read_labels
from pipeline.labels.voc.voc_xml import Annotation, Box, read_voc, voc_text
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.label_files import CLASSES, DOG, catalog, full, label
from tests.helpers.paths import SHARED
from tests.helpers.small_disk import files_of_at_most
from tests.helpers.studio_project import make_project

CLIPS = clips_by_name(catalog())
WILD = SHARED / "wild"


def _voc(*boxes: Box, filename: str = "x.jpg") -> str:
    return voc_text(Annotation(160, 120, boxes, filename))


def test_folders_of_any_layout_and_exports_together(tmp_path: Path) -> None:
    places = ["batch 1/abc_1.xml", "deep/er/still/abc.mp4_2.XML", "helicopter/abc_3.xml"]
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(_voc(DOG, filename="somewhere else_9.jpg"))
    task = {
        "data": {"image": "/data/upload/1/01234567-abc_4.jpg"},
        "annotations": [{"id": 1, "completed_by": 1, "result": regions([DOG], 160, 120)}],
    }
    (tmp_path / "export.json").write_text(json.dumps([task]))
    found = read_sources([tmp_path], CLIPS)
    assert sorted(found.labels) == [Frame("abc", k) for k in (1, 2, 3, 4)]
    assert not found.left_out
    plan = merge_into_folder(tmp_path / "voc", found, CLIPS, tmp_path / "sync.json")
    assert len(plan.write) == 4
    boxes, _ = read_labels(tmp_path / "voc", catalog(), CLASSES, workers=SERIAL)
    assert list(boxes["source"]) == [f"dog_barking/abc/abc_{k}.xml" for k in (1, 2, 3, 4)]
    assert len(read_annotations(tmp_path / "voc")) == 1


def test_a_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    text = _voc(DOG).replace("<difficult>0", "<difficult>1")
    (tmp_path / "abc_1.xml").write_text(text)
    assert read_sources([tmp_path / "abc_1.xml"], CLIPS).labels[Frame("abc", 1)].data.decode() == text


def test_what_gives_no_label_is_listed(tmp_path: Path) -> None:
    other = _voc(Box("x", 1, 2, 3, 4))
    texts = {"a/abc_1.xml": _voc(DOG), "b/abc_1.xml": other, "c/abc_1.xml": _voc(DOG)}
    texts |= {"ghost_1.xml": _voc(DOG), "abc_2.xml": "no", "bad.json": "{"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = read_sources([tmp_path], CLIPS)
    assert list(found.labels) == [Frame("abc", 1)]
    assert sorted(Path(what).name for what, _ in found.left_out) == [
        "abc_1.xml",
        "abc_2.xml",
        "bad.json",
        "ghost_1.xml",
    ]
    with pytest.raises(PipelineError, match="no such"):
        read_sources([tmp_path / "none"], CLIPS)


def test_a_folder_behind_a_link_is_listed_and_read_when_named(tmp_path: Path) -> None:
    for place in (tmp_path / "given/abc_1.xml", tmp_path / "elsewhere/abc_2.xml"):
        place.parent.mkdir()
        place.write_text(_voc(DOG))
    link = tmp_path / "given/week/day/more"
    hidden = tmp_path / "given/.old/more"
    for path in (link, hidden):
        path.parent.mkdir(parents=True)
        path.symlink_to(tmp_path / "elsewhere")
    found = read_sources([tmp_path / "given"], CLIPS)
    assert list(found.labels) == [Frame("abc", 1)]
    assert [(what, "name it too" in why) for what, why in found.left_out] == [(str(link), True)]
    assert set(read_sources([tmp_path / "given", link], CLIPS).labels) == {Frame("abc", 1), Frame("abc", 2)}


def test_label_studio_s_voc_is_refused_for_its_json(tmp_path: Path) -> None:
    """It counts from 0, so that a box would move by a pixel without a word; its file names are its own."""
    text = _voc(DOG).replace("<segmented>", "<owner><name>Label Studio</name></owner><segmented>")
    for name in ("abc_1.xml", "605df7a5__-abc_2.xml"):
        (tmp_path / name).write_text(text)
    found = read_sources([tmp_path], CLIPS)
    assert not found.labels and len(found.left_out) == 2
    assert all("counts pixels from 0" in why and "export JSON" in why for _, why in found.left_out)


def test_a_folder_without_label_files_and_texts_of_yolo_are_listed(tmp_path: Path) -> None:
    for name in (
        "yolo/abc_1.txt",
        "yolo/classes.txt",
        "mixed/abc_2.txt",
        "mixed/notes.txt",
        "mixed/abc_3.xml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(_voc(DOG) if name.endswith("xml") else "0 0.5 0.5 0.1 0.1")
    (tmp_path / "empty").mkdir()
    sources = [tmp_path / name for name in ("yolo", "empty", "mixed", "yolo/abc_1.txt")]
    found = read_sources(sources, CLIPS)
    told = {str(Path(what).relative_to(tmp_path)): why for what, why in found.left_out}
    assert sorted(told) == ["empty", "mixed/abc_2.txt", "yolo", "yolo/abc_1.txt"]
    assert told["empty"] == "holds no VOC XML and no Label Studio JSON"
    assert all("YOLO" in why for what, why in told.items() if what != "empty")
    assert list(found.labels) == [Frame("abc", 3)]


def test_other_kinds_of_files_are_listed_with_advice(tmp_path: Path) -> None:
    for name in (
        "a.zip",
        "b.csv",
        "c.tsv",
        "abc_1.jpg",
        "abc_2",
        "mixed/abc_1.xml",
        "mixed/d.zip",
        "zipped/e.zip",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(_voc(DOG))
    named = ["a.zip", "b.csv", "c.tsv", "abc_1.jpg", "abc_2", "zipped"]
    found = read_sources([tmp_path / name for name in (*named, "mixed")], CLIPS)
    told = {str(Path(what).relative_to(tmp_path)): why for what, why in found.left_out}
    assert sorted(told) == sorted([*named, "mixed/d.zip"])
    for name, why in told.items():
        advice = "unpack it first" if "zip" in name else "export JSON from Label Studio"
        assert advice in why, name
    assert "e.zip" in told["zipped"]
    assert found.empty_sources == [(str(tmp_path / name), told[name]) for name in named]
    assert list(found.labels) == [Frame("abc", 1)]


def test_a_broken_export_is_named_once_and_hidden_ones_are_skipped(tmp_path: Path) -> None:
    for name in ("bad.json", ".trash/old.json", ".old.json", ".trash/abc_1.xml", ".trash/abc_1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{")
    found = read_sources([tmp_path], CLIPS)
    ((what, why),) = found.left_out
    assert what == str(tmp_path / "bad.json") and why.startswith("is not JSON")
    assert found.empty_sources == [(str(tmp_path), f"{what}: {why}")]


def _export(path: Path, *annotations: dict[str, Any]) -> Path:
    path.write_text(json.dumps([{"data": {"image_id": "abc_1"}, "annotations": list(annotations)}]))
    return path


def test_what_is_there_already_or_skipped_is_no_empty_source(tmp_path: Path) -> None:
    drawn = _export(tmp_path / "a.json", {"id": 1, "result": regions([DOG], 160, 120)})
    skipped = _export(tmp_path / "b.json", {"id": 1, "was_cancelled": True, "result": []})
    open_ = _export(tmp_path / "c.json")
    found = read_sources([drawn, drawn, skipped, open_], CLIPS)
    assert [source for source, _ in found.empty_sources] == [str(open_)]
    assert "holds no annotation" in found.empty_sources[0][1]
    for name in ("ghost_1.xml", "ghost_2.xml"):
        (tmp_path / "ghosts").mkdir(exist_ok=True)
        (tmp_path / "ghosts" / name).write_text(_voc(DOG))
    ((_, why),) = read_sources([tmp_path / "ghosts"], CLIPS).empty_sources
    assert "ghost_1.xml: is not named after a frame" in why and "1 more are listed" in why


def test_importing_twice_is_no_error_and_importing_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project(tmp_path))
    Path("from").mkdir()
    Path("from/def_1.xml").write_text(_voc(Box("helicopter", 21, 30, 61, 70)))
    Path("e.zip").write_bytes(b"PK")

    def bring(*sources: str) -> Any:
        return CliRunner().invoke(app, ["labels", "import", *sources], catch_exceptions=False)

    assert bring("from").exit_code == 0
    again = bring("from", "from/def_1.xml")
    assert again.exit_code == 0 and "0 labels written, 1 unchanged" in again.output
    with pytest.raises(PipelineError, match=r"e\.zip: gave no label: .*unpack it first"):
        bring("e.zip")


def test_an_export_is_known_by_its_place_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = regions([DOG], 160, 120)
    tasks = [
        {"data": {"image_id": f"abc_{k}"}, "annotations": [{"id": k, "completed_by": 1, "result": result}]}
        for k in (1, 2)
    ]
    Path("E.JSON").write_text(json.dumps(tasks))

    def bring(*sources: str) -> Merge:
        found = read_sources([Path(source) for source in sources], CLIPS)
        return merge_into_folder(Path("voc"), found, CLIPS, Path("sync.json"))

    assert len(bring(".").write) == 2
    for sources in (("E.JSON",), ("./E.JSON",), (str(tmp_path / "E.JSON"), "E.JSON")):
        assert bring(*sources).same == 2
        assert len(read_annotations(Path("voc"))) == 2
    Path("E.JSON").write_text(json.dumps(tasks[:1]))
    assert bring("E.JSON").gone == ["dog_barking/abc/abc_2.xml"]
    Path("E.JSON").write_text("[]")
    assert len(bring("E.JSON").gone) == 2
    assert read_annotations(Path("voc")) == []


def test_people_of_two_exports_are_two_and_one_of_an_export_and_its_project_is_one(tmp_path: Path) -> None:
    def write(name: str, *boxes: Box) -> Path:
        one = {"id": 1, "completed_by": 1, "updated_at": "2026", "result": regions(boxes, 160, 120)}
        (tmp_path / name).write_text(json.dumps([{"data": {"image_id": "abc_1"}, "annotations": [one]}]))
        return tmp_path / name

    far = Box("dog_barking", 100, 80, 140, 110)
    found = read_sources([write("a.json", DOG), write("b.json", far), write("copy.json", DOG)], CLIPS)
    merge_into_folder(tmp_path / "voc", found, CLIPS, tmp_path / "sync.json")
    lines = read_annotations(tmp_path / "voc")
    assert len(lines) == len({line["annotator"] for line in lines}) == 3
    assert [Path(what).name for what, _ in found.left_out] == ["b.json: abc_1"]  # the copy says the same
    agreed = agreement(distinct(lines))  # the copy is no third opinion
    assert (agreed.pairs, agreed.f1) == (1, 0.0)


def test_of_several_exports_the_annotation_counts_that_would_in_one(tmp_path: Path) -> None:
    far = Box("dog_barking", 100, 80, 140, 110)

    def write(name: str, updated: str, box: Box, **more: Any) -> Path:
        one = {"id": 1, "updated_at": updated, "result": regions([box], 160, 120), **more}
        return _export(tmp_path / name, one)

    def chosen(*files: Path) -> list[str]:
        found = read_sources([*files], CLIPS)
        counts = found.labels[Frame("abc", 1)].source
        others = [str(file) for file in files if str(file) != counts]
        told = [
            (f"{other}: abc_1", f"labels a frame that {counts} labels too; that one counts")
            for other in others
        ]
        assert set(found.left_out) <= set(told)
        return [Path(line["source"]).name for line in found.lines if line["chosen"]]

    old, new = write("a.json", "2026-01-01", DOG), write("b.json", "2026-02-01", far)
    truth = write("c.json", "2025-12-01", far, ground_truth=True)
    copy = write("copy.json", "2026-01-01", DOG)
    assert chosen(old, copy, new) == chosen(new, copy, old) == ["b.json"]
    assert chosen(new, truth) == ["c.json"]
    assert chosen(old, copy) == ["a.json", "copy.json"]  # the same annotation twice
    assert len(read_sources([old, new], CLIPS).left_out) == 1


def test_a_copy_in_a_folder_below_does_not_go_before_its_file(tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup/abc_1.xml").write_text(_voc(Box("x", 1, 2, 3, 4)))
    (tmp_path / "abc_1.xml").write_text(_voc(DOG))
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/abc_2.xml").write_text(_voc(Box("x", 1, 2, 3, 4)))
    (tmp_path / "new").mkdir()
    (tmp_path / "new/abc_2.xml").write_text(_voc(DOG))
    found = read_sources([tmp_path], CLIPS)
    sources = [found.labels[Frame("abc", k)].source for k in (1, 2)]
    assert sources == [str(tmp_path / "abc_1.xml"), str(tmp_path / "new/abc_2.xml")]
    why = [f"labels a frame that {source} labels too; that one counts" for source in sources]
    assert found.left_out == [
        (str(tmp_path / "backup/abc_1.xml"), why[0]),
        (str(tmp_path / "deep/er/abc_2.xml"), why[1]),
    ]


def test_labels_are_not_written_through_a_linked_folder(tmp_path: Path) -> None:
    (tmp_path / "abc_1.xml").write_text(_voc(DOG))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc/dog_barking").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PipelineError, match="dog_barking: is a link to a folder"):
        merge_into_folder(
            tmp_path / "voc", read_sources([tmp_path / "abc_1.xml"], CLIPS), CLIPS, tmp_path / "sync.json"
        )
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("path", ["../../../outside_1.jpg", "/etc/passwd", "C:\\Windows\\abc_1.jpg"])
def test_paths_inside_files_lead_nowhere(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "abc_1.xml").write_text(
        _voc(DOG, filename=path).replace("<source>", f"<path>{path}</path><source>")
    )
    before = sorted(tmp_path.rglob("*"))
    found = read_sources([folder], CLIPS)
    merge_into_folder(tmp_path / "voc", found, CLIPS, tmp_path / "sync.json")
    made = [
        file.relative_to(tmp_path).as_posix()
        for file in tmp_path.rglob("*")
        if file.is_file() and file not in before
    ]
    assert sorted(made) == ["sync.json", "voc/dog_barking/abc/abc_1.xml"]


def test_voc_to_label_studio_to_voc_gives_the_same_numbers(tmp_path: Path) -> None:
    full(tmp_path / "a")
    boxes, _ = read_labels(tmp_path / "a", catalog(), CLASSES, workers=SERIAL)
    tasks = []
    for file in sorted((tmp_path / "a").rglob("*.xml")):
        read = read_voc(file)
        result = regions(read.boxes, read.width, read.height)
        tasks.append({"data": {"image_id": file.stem}, "annotations": [{"id": 1, "result": result}]})
    (tmp_path / "e.json").write_text(json.dumps(tasks))
    merge_into_folder(
        tmp_path / "b", read_sources([tmp_path / "e.json"], CLIPS), CLIPS, tmp_path / "sync.json"
    )
    again, _ = read_labels(tmp_path / "b", catalog(), CLASSES, workers=SERIAL)
    numbers = [column for column in boxes if column != "annotator"]
    assert again[numbers].equals(boxes[numbers])


def _on_a_small_disk(limit: int, *arguments: str) -> tuple[int, str]:
    """Run `avs` in a process that may write no file of more bytes; its exit status and stderr."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writing, 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            sys.argv = ["avs", *arguments]
            with files_of_at_most(limit):
                main()
            os._exit(0)
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(int(end.code or 0))
        finally:
            os._exit(99)  # never back into a second pytest
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


@pytest.mark.parametrize(
    ("limit", "written"),
    [(200, 0), (800, 10)],  # no label can be written; all can, but not the record of how the sides met
)
def test_a_disk_that_refuses_is_reported_and_a_second_run_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, written: int
) -> None:
    project = make_project(tmp_path)
    for name, category in {"-abc_7": "dog_barking", "def": "helicopter"}.items():
        for k in range(1, 6):
            file = project / f"from/{name}_{k}.xml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(_voc(Box(category, 21, 30, 61, 70)))

    def labels() -> int:
        return len(list((project / "labels/voc").rglob("*.xml")))

    monkeypatch.chdir(project)
    status, said = _on_a_small_disk(limit, "labels", "import", "from")
    assert status == 1 and "Traceback" not in said
    assert "error: " in said and "File too large" in said and "again" in said
    assert labels() == written
    done = CliRunner().invoke(app, ["labels", "import", "from"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert labels() == 10
    assert sorted(path.name for path in (project / "labels").iterdir() if path.is_dir()) == ["voc"]


@pytest.mark.skipif(not WILD.is_dir(), reason="no shared/wild beside the checkout")
def test_all_of_the_wild_gives_labels_or_reasons(tmp_path: Path) -> None:
    shutil.copytree(WILD, tmp_path / "wild")
    count = sum(1 for path in (tmp_path / "wild").rglob("*") if path.suffix in (".xml", ".json"))
    found = read_sources([tmp_path / "wild"], CLIPS)
    assert not found.labels and len(found.left_out) >= count
    for number, path in enumerate(sorted((tmp_path / "wild/voc").glob("*.xml"))[:5], start=1):
        path.rename(path.with_name(f"abc_{number}.xml"))
    assert len(read_sources([tmp_path / "wild"], CLIPS).labels) == 5
    label(tmp_path / "voc", "abc", 1, DOG)
