"""What a config reads of the packed data, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.inputs import INPUTS
from pipeline.config.params import parse_params
from pipeline.config.run_config import RunConfig, make_run_config
from pipeline.data.catalog import clips_of, read_catalog, to_frame, write_catalog
from pipeline.data.clip import Clip
from pipeline.dataset.training import open_training_data
from pipeline.model import Segmenter
from pipeline.utils.errors import PipelineError

SPLITS = ("train", "train", "train", "val", "test")
CATEGORIES = ("cat_meowing", "race_car", "race_car", "race_car", "dog_barking")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five clips, three of which train; the test split's category is not trained."""
    for folder in ("frames", "audio", "crops", "negatives/bank", "pseudo_masks"):
        (tmp_path / folder).mkdir(parents=True)
    rows = zip(SPLITS, CATEGORIES, strict=True)
    clips = [
        Clip(f"c{n}", category, split, 0, "v.mp4", None, None, [None] * 5, None, None, None)
        for n, (split, category) in enumerate(rows)
    ]
    write_catalog(tmp_path / "catalog.parquet", to_frame(clips))
    np.save(tmp_path / "frames/frames.npy", np.zeros((5, 5, 32, 32, 3), np.uint8))
    np.save(tmp_path / "frames/masks.npy", np.zeros((5, 5, 32, 32), np.uint8))
    np.save(tmp_path / "frames/labelled.npy", np.ones((5, 5), bool))
    np.save(tmp_path / "audio/features.npy", np.zeros((5, 5, 128), np.float32))
    np.save(tmp_path / "negatives/bank/sounds.npy", np.ones((4, 5, 128), np.float32))
    np.save(tmp_path / "pseudo_masks/pseudo_masks.npy", np.zeros((3, 5, 32, 32), np.uint8))
    np.save(tmp_path / "crops/crops.npy", np.zeros((3, 5, 32, 32, 3), np.uint8))
    np.save(tmp_path / "crops/present.npy", np.ones((3, 5), bool))
    np.save(tmp_path / "crops/boxes.npy", np.zeros((3, 5, 4), np.float32))
    return tmp_path


def config_of(name: str, values: dict[str, Any]) -> RunConfig:
    inputs: dict[str, Any] = {key: [] for key in INPUTS} | {"clips": "", "category": ""}
    return make_run_config(
        name, parse_params(values), ["cat_meowing", "race_car"], inputs, Segmenter.SETTINGS
    )


def test_rows_and_classes(data: Path, values: dict[str, Any]) -> None:
    opened = open_training_data(data, config_of("listening", values), 1)
    assert opened.train_rows.tolist() == [0, 1, 2] and opened.val_rows.tolist() == [3]
    batch = opened.clips.load(opened.train_rows, epoch=1)
    assert batch.boxes is not None and batch.boxes.category.tolist() == [0, 1, 1]
    assert batch.negatives is not None and batch.audio is not None


@pytest.mark.parametrize(
    ("variant", "audio", "boxes", "crops", "negatives"),
    [
        ("baseline", True, False, False, False),
        ("proposed", True, True, True, False),
        ("listening", True, True, False, True),
        ("silent", False, False, False, False),
    ],
)
def test_a_variant_opens_what_it_uses(
    data: Path, values: dict[str, Any], variant: str, audio: bool, boxes: bool, crops: bool, negatives: bool
) -> None:
    clips = open_training_data(data, config_of(variant, values), 1).clips
    assert (clips.audio is not None) == audio
    assert (clips.boxes is not None) == boxes
    assert (clips.crops is not None) == crops
    assert (clips.negatives is not None) == negatives


@pytest.mark.parametrize(("negatives", "apart"), [(0.0, True), (1.0, False)])
def test_a_gate_alone_leaves_the_masks_pictures_clean(
    data: Path, values: dict[str, Any], negatives: float, apart: bool
) -> None:
    """The mask is to hear as well where `loss.negatives` asks it to: then it sees what was pasted."""
    values["loss"] |= {"negatives": negatives, "gate": 0.1}
    values["model"]["sound_gate"] = True
    opened = open_training_data(data, config_of("listening", values), 1)
    batch = opened.clips.load(opened.train_rows, epoch=1)
    assert batch.negatives is not None
    assert (batch.negatives.frames is not None, batch.negatives.targets is None) == (apart, apart)


@pytest.mark.parametrize(
    "lost",
    ["audio/features.npy", "negatives/bank/sounds.npy", "crops/boxes.npy", "pseudo_masks/pseudo_masks.npy"],
)
def test_what_is_missing_is_named(data: Path, values: dict[str, Any], lost: str) -> None:
    (data / lost).unlink()
    with pytest.raises(PipelineError, match=Path(lost).name):
        open_training_data(data, config_of("listening", values), 1)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_clips_is_named(data: Path, values: dict[str, Any], split: str) -> None:
    clips = clips_of(read_catalog(data / "catalog.parquet"))
    write_catalog(data / "catalog.parquet", to_frame([clip for clip in clips if clip.split != split]))
    with pytest.raises(PipelineError, match=f"no clip in the split '{split}'"):
        open_training_data(data, config_of("baseline", values), 1)
