"""AVSBench's own layout through the whole pipeline under DVC, with every trap of the distributed data."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.data.catalog import read_catalog
from pipeline.data.video import frame_indices
from tests.helpers.repository import ALL, Repository, copy_of_the_tree, stages_run
from tests.helpers.trees import SHAPES, Row, number_of, write_real_ms3, write_real_s4

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, list[Row], str]:
    """An S4 tree, reproduced with three settings changed and tiny sizes; its rows; what DVC printed."""
    folder = tmp_path_factory.mktemp("real")
    rows = write_real_s4(folder / "AVSBench", folder / "voc")
    data = {"source": "s4", "root": str(folder / "AVSBench")}
    repository = copy_of_the_tree(folder, data=data, labels={"dir": str(folder / "voc")})
    return repository, rows, repository.run("dvc", "repro")


def test_all_stages_run_on_s4(single: tuple[Repository, list[Row], str]) -> None:
    repository, _, printed = single
    assert stages_run(printed) == ALL
    for variant in ("baseline", "proposed"):
        metrics = repository.json(f"metrics/{variant}-1.json")
        assert all(0 <= metrics[key] <= 1 for key in ("miou", "fscore", "swapped_miou"))
    assert (repository.root / "reports/index.html").exists()
    assert not (repository.root.parent / "AVSBench" / "exploded").exists()  # no log-mel was unpickled


def test_every_frame_and_mask_is_the_right_one(single: tuple[Repository, list[Row], str]) -> None:
    repository, rows, _ = single
    catalog = read_catalog(repository.root / "data/catalog.parquet")
    assert sorted(catalog["name"]) == sorted(row[0] for row in rows)
    images = repository.root / "data/frames/images"
    masks = np.load(repository.root / "data/frames/masks.npy")
    labelled = np.load(repository.root / "data/frames/labelled.npy")
    place = {name: number for number, name in enumerate(catalog["name"])}
    for number, (name, start, category, split) in enumerate(rows):
        seconds = 4 if start == 6 else 5
        if number % 5 == 1:
            expected = [min(k, seconds) for k in range(1, 6)]
        else:
            fps = SHAPES[number % 5][2]
            expected = frame_indices(float(fps), round(seconds * fps))
        folder = images / split / category / name
        shown = [number_of(cv2.imread(str(folder / f"{name}_{k}.jpg"))) for k in range(1, 6)]
        assert shown == expected, name
        row = place[name]
        assert labelled[row].tolist() == [True] + [split != "train"] * 4
        for mask in masks[row][labelled[row]]:  # the upper left quarter, however it was stored
            assert mask[:16, :16].all() and mask.sum() == 16 * 16, name
    short = {row[0] for row in rows if row[1] == 6}
    assert set(repository.json("data/frames/notes.json")) == short


def test_oddities_of_the_labels_are_read_or_named(single: tuple[Repository, list[Row], str]) -> None:
    repository, rows, _ = single
    boxes = pd.read_parquet(repository.root / "data/boxes/boxes.parquet")
    problems = pd.read_csv(repository.root / "data/boxes/problems.csv", keep_default_na=False)
    first = rows[0][0]
    assert len(boxes) == 16 * 5 - 2
    assert set(boxes.loc[boxes["name"] == first, "frame"]) == {1, 4, 5}
    assert boxes["xmin"].tolist() == [1] * len(boxes)  # 1.4 is rounded, -3 clipped
    kinds = {(Path(row.file).stem, row.kind) for row in problems.itertuples()}
    assert {(f"{first}_2", "not_xml"), (f"{first}_3", "missing")} <= kinds
    errors = problems[problems["level"] == "error"]
    assert [Path(file).stem for file in errors["file"]] == [f"{first}_2"]
    present = np.load(repository.root / "data/crops/present.npy")
    assert present.sum() == 16 * 5 - 2


def test_the_doctor_counts_the_tree(single: tuple[Repository, list[Row], str]) -> None:
    repository, _, _ = single
    done = repository.call("avs", "doctor", "data")
    assert done.returncode == 1  # for the labels that are cut short and missing
    for line in (("clips", "30", "30"), ("masks, test", "40", "40"), ("frames with a label", "78", "80")):
        found = [[cell.strip() for cell in row.split("│")] for row in done.stdout.splitlines()]
        assert any(list(line) == row[2:5] for row in found), done.stdout


def test_distributed_frames_can_be_preferred(single: tuple[Repository, list[Row], str]) -> None:
    repository, rows, _ = single
    repository.edit("data", prefer="frames")
    try:
        repository.run("dvc", "repro", "frames")
        number = next(n for n, row in enumerate(rows) if n % 5 == 2 and row[1] == 0)  # a clip that has both
        name, _, category, split = rows[number]
        folder = repository.root / "data/frames/images" / split / category / name
        shown = [number_of(cv2.imread(str(folder / f"{name}_{k}.jpg"))) for k in range(1, 6)]
        assert shown == [1, 2, 3, 4, 5]
    finally:
        repository.edit("data", prefer="videos")


def test_ms3_trains_without_boxes_and_from_an_s4_checkpoint(
    single: tuple[Repository, list[Row], str], tmp_path: Path
) -> None:
    write_real_ms3(tmp_path / "AVSBench")
    (tmp_path / "voc").mkdir()
    multi = copy_of_the_tree(
        tmp_path,
        data={"source": "ms3", "root": str(tmp_path / "AVSBench")},
        labels={"dir": str(tmp_path / "voc")},
        loss={"lambda": 0.5},
        train={"epochs": 2, "batch_size": 3},
    )
    done = multi.call("dvc", "repro")
    assert done.returncode != 0
    assert "holds no box of a train clip, and the variant proposed learns from boxes" in done.stdout
    assert "Traceback" not in done.stdout

    multi.edit("train", variants=["baseline"])
    printed = multi.run("dvc", "repro")
    assert stages_run(printed) == {"plan", "train@baseline-1", "evaluate@baseline-1", "report"}
    plan = multi.json("data/plan/baseline.json")
    assert (plan["loss"]["avm"], plan["avm"]) == (0.5, "av")

    start = multi.root / "weights" / "s4.pt"
    shutil.copy(single[0].root / "models/baseline-1/best.pt", start)
    multi.edit("model", initial="weights/s4.pt")
    # VGGish lies in weights/ too: `audio` looks again, finds the same, and nothing that reads it runs
    assert stages_run(multi.run("dvc", "repro", "train@baseline-1")) == {"audio", "plan", "train@baseline-1"}
    after = multi.json("data/plan/baseline.json")
    assert after["model"]["initial"] == "weights/s4.pt" and after["inputs"].keys() > plan["inputs"].keys()
    shutil.copy(single[0].root / "models/baseline-1/last.pt", start)  # another file under the same name
    multi.run("dvc", "repro", "plan")  # on which training depends
    assert multi.json("data/plan/baseline.json")["inputs"]["initial"] != after["inputs"]["initial"]
