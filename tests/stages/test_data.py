"""The data stages one after another, as DVC runs them, on a tree in AVSBench's layout."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
import yaml

from pipeline.utils.errors import PipelineError
from stages import audio, clips, crops, frames, negatives, pseudo_masks
from stages.common import plainly
from tests.helpers.trees import Row, add_s4_frames, add_s4_masks, add_s4_video, s4_data, write_s4_table

ROWS: list[Row] = [
    ("-a", 0, "race_car", "train"),
    ("b", 6, "cat_meowing", "train"),
    ("c", 0, "race_car", "val"),
    ("d", 0, "cat_meowing", "test"),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> Path:
    """A working folder: params.yaml and avsbench/, where the second clip has 4 s and the third no video."""
    root = tmp_path / "avsbench"
    write_s4_table(root, ROWS)
    for row in ROWS:
        add_s4_masks(root, row)
        if row[0] == "c":
            add_s4_frames(root, row)
        else:
            add_s4_video(root, row, frames=100 if row[1] == 6 else 125)
    values["data"].update(source="s4", root="avsbench")
    values["compute"].update(jobs=1)
    values["model"].update(image_size=64)
    values["crops"].update(size=32)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_stages_make_what_the_others_read(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips.main()
    frames.main()
    expected = "clips whose last {} is repeated: 1, named in data/{}\n"
    assert capsys.readouterr().out == expected.format("frame", "frames/notes.json")
    size = {"width": 64, "height": 48}
    boxes = [
        {"name": name, "frame": k, "category": category, "xmin": 5, "ymin": 5, "xmax": 40, "ymax": 40} | size
        for name, _, category, split in ROWS
        for k in range(1, 6)
        if split == "train"
    ]
    (place / "data" / "boxes").mkdir()
    pd.DataFrame(boxes).to_parquet("data/boxes/boxes.parquet")
    crops.main()
    pseudo_masks.main()
    capsys.readouterr()
    audio.main()
    assert capsys.readouterr().out == expected.format("sound", "audio/info.json")
    negatives.main()
    shapes = {
        "frames/frames.npy": (4, 5, 64, 64, 3),
        "frames/masks.npy": (4, 5, 64, 64),
        "frames/labelled.npy": (4, 5),
        "crops/crops.npy": (2, 5, 32, 32, 3),
        "crops/present.npy": (2, 5),
        "crops/boxes.npy": (2, 5, 4),
        "pseudo_masks/pseudo_masks.npy": (2, 5, 64, 64),
        "audio/features.npy": (4, 5, 128),
        "audio/logmel.npy": (4, 5, 1, 96, 64),
        "negatives/silence.npy": (4, 5, 128),
    }
    assert {name: np.load(place / "data" / name, mmap_mode="r").shape for name in shapes} == shapes
    assert pd.read_parquet("data/catalog.parquet")["name"].tolist() == ["b", "-a", "c", "d"]
    assert np.load("data/crops/present.npy").all()


def test_broken_files_stop_the_first_stage(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (s4_data(place / "avsbench", "raw_videos", ROWS[0]) / "-a.mp4").write_bytes(b"cut")
    with pytest.raises(PipelineError, match=r"-a\.mp4: cannot be opened"):
        clips.main()
    with pytest.raises(typer.Exit):
        plainly(clips.main)()
    assert "error: " in capsys.readouterr().err
    assert not (place / "data" / "catalog.parquet").exists()


def test_a_full_disk_is_reported_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "data/frames/frames.npy")

    with pytest.raises(typer.Exit):
        plainly(write)()
    assert capsys.readouterr().err.startswith("error: data/frames/frames.npy: No space left on device; free")
