"""`avs listen`: a checkpoint on its own data set and on another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config.params import parse_params
from pipeline.config.run_config import make_run_config
from pipeline.data.catalog import to_frame, write_catalog
from pipeline.data.clip import Clip
from pipeline.dataset.evaluation import read_evaluation_data, restandardise
from pipeline.model import Segmenter
from pipeline.training.objective import Objective
from pipeline.training.progress import checkpoint
from pipeline.utils.errors import PipelineError

CLIPS, SIDE = 3, 32
CONDITIONS = ("silence", "white", "pink", "other_category", "silent_object")


def write_data(data: Path, *, mean: float = 0.0, two_source: bool = True, sha256: str = "") -> None:
    """Three test clips of 32 pixels: the left half sounds, the right half is the silent object."""
    make = np.random.default_rng(0)
    for folder in ("frames", "audio", "negatives"):
        (data / folder).mkdir(parents=True)
    silent = ("dog_barking", [None] * 5, "x.wav") if two_source else (None, None, None)
    write_catalog(
        data / "catalog.parquet",
        to_frame(
            [
                Clip(f"c{n}", "race_car", "test", 0, "v.mp4", None, None, [None] * 5, *silent)
                for n in range(CLIPS)
            ]
        ),
    )
    left = np.zeros((CLIPS, 5, SIDE, SIDE), np.uint8)
    left[..., : SIDE // 2] = 1
    np.save(data / "frames/frames.npy", make.integers(0, 256, (CLIPS, 5, SIDE, SIDE, 3), np.uint8))
    np.save(data / "frames/masks.npy", left)
    np.save(data / "frames/labelled.npy", np.ones((CLIPS, 5), bool))
    if two_source:
        np.save(data / "frames/silent_masks.npy", 1 - left)
    heard = make.standard_normal((CLIPS, 5, 128)).astype(np.float32)
    np.save(data / "audio/features.npy", heard - mean)
    for condition in CONDITIONS:
        sound = make.standard_normal((CLIPS, 5, 128)).astype(np.float32)
        np.save(data / f"negatives/{condition}.npy", sound - mean)
    info = {"weights": "seeded", "seed": 0, "sha256": sha256, "mean": [mean] * 128, "std": [1.0] * 128}
    (data / "audio/info.json").write_text(json.dumps(info))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> Path:
    """A checkout with data/, other/data/ of another scale, and models/baseline-1 and silent-1."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "data", two_source=False)
    write_data(tmp_path / "other/data", mean=0.25)
    values["model"].update(channels=8, tpavi_stages=[3, 4], image_size=SIDE)
    for name in ("baseline", "silent"):
        inputs: dict[str, Any] = {"clips": "", "frames": [], "audio": [tmp_path / "data/audio/features.npy"]}
        plan = make_run_config(name, parse_params(values), [], inputs, Segmenter.SETTINGS)
        torch.manual_seed(0)
        objective = Objective(plan)
        for block in objective.model.tpavi.values():
            torch.nn.init.ones_(block.bn.weight)  # as if trained: a new block lets no sound in
        folder = tmp_path / "models" / f"{name}-1"
        folder.mkdir(parents=True)
        torch.save(
            checkpoint(objective.model, objective.heads, plan, 1, {"val/miou": 0.5}), folder / "best.pt"
        )
    return tmp_path


def listen(*arguments: str) -> tuple[str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["listen", *arguments, "--json", "out.json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output, json.loads(Path("out.json").read_text())


def test_all_figures_of_two_models_in_one_file(place: Path) -> None:
    printed, found = listen("models/baseline-1/best.pt", "models/silent-1/best.pt", "--data", "other/data")
    assert found["two_source"] and list(found["models"]) == ["baseline-1", "silent-1"]
    baseline, silent = found["models"].values()
    assert {"miou", "fscore", "swapped_miou", "swap_passed", "g_miou_silence"} <= baseline["figures"].keys()
    assert baseline["variant"] == "baseline" and baseline["clips"] == CLIPS
    assert set(baseline["listening"]) == {"all", "race_car"}
    assert baseline["listening"]["all"]["silence"]["miou"] == baseline["figures"]["miou_silence"]
    assert silent["figures"]["sensitivity_white"] == 0 and silent["figures"]["swap_passed"] == 0
    assert "baseline-1" in printed and "was not trained with" not in printed
    assert "…" not in printed  # in the eighty columns of a log


def test_clips_without_another_category_are_left_out_of_its_other_half(place: Path) -> None:
    path = "data/negatives/other_category.npy"
    sounds = np.load(path)
    sounds[1:] = np.nan
    np.save(path, sounds)
    _, found = listen("models/baseline-1/best.pt", "--clips", "by-clip")
    clips, model = pd.read_csv("by-clip/baseline-1/per_clip.csv"), found["models"]["baseline-1"]
    assert model["miou_where_swapped"] == pytest.approx(clips["miou"][0])
    assert model["figures"]["miou"] == pytest.approx(clips["miou"].mean())


def test_next_step_to_show_the_transfer_in_the_report_is_printed(place: Path) -> None:
    told = CliRunner().invoke(app, ["listen", "models/baseline-1/best.pt", "--json", "metrics/transfer.json"])
    assert told.exit_code == 0 and "dvc repro --force --single-item report" in told.output
    assert "next:" not in listen("models/baseline-1/best.pt")[0]


def test_scores_by_clip_are_where_compare_reads_them(place: Path) -> None:
    _, found = listen("models/baseline-1/best.pt", "models/silent-1/best.pt", "--clips", "by-clip")
    for name, model in found["models"].items():
        clips = pd.read_csv(f"by-clip/{name}/per_clip.csv")
        assert len(clips) == CLIPS
        assert clips["miou"].mean() == pytest.approx(model["figures"]["miou"])
    result = CliRunner().invoke(app, ["compare", "by-clip/baseline-1", "by-clip/silent-1"])
    assert result.exit_code == 0 and "silent" in result.output


def test_another_data_sets_sounds_are_on_the_models_own_scale(place: Path) -> None:
    """Both data sets hold the same sounds, the other's shifted by its standardisation."""
    _, here = listen("models/baseline-1/best.pt")
    _, there = listen("models/baseline-1/best.pt", "--data", "other/data")
    assert here["models"]["baseline-1"]["figures"]["miou_white"] == pytest.approx(
        there["models"]["baseline-1"]["figures"]["miou_white"], abs=1e-3
    )
    printed, shifted = listen(
        "models/baseline-1/best.pt", "--data", "other/data", "--audio", "other/data/audio"
    )
    assert "was not trained with other/data/audio" in printed
    assert shifted["models"] != there["models"]


def test_scales_by_hand(place: Path) -> None:
    info = json.loads(Path("data/audio/info.json").read_text())
    mean, std = [1.0] * 128, [2.0] * 127 + [0.0]
    Path("data/audio/info.json").write_text(json.dumps({**info, "mean": mean, "std": std}))
    moved = restandardise(np.full((1, 128), 3.0, np.float32), Path("other/data/audio"), Path("data/audio"))
    assert moved[0, 0] == pytest.approx((3 + 0.25 - 1) / 2)
    assert moved[0, 127] == 0  # the model never saw this feature vary


def test_other_vggish_weights_are_refused(place: Path) -> None:
    write_data(place / "third/data", sha256="ab")
    with pytest.raises(PipelineError, match="different VGGish weights"):
        restandardise(np.zeros((1, 128), np.float32), Path("third/data/audio"), Path("data/audio"))


@pytest.mark.parametrize("lost", ["audio/features.npy", "catalog.parquet", "audio/info.json"])
def test_missing_data_is_named(place: Path, lost: str) -> None:
    (place / "data" / lost).unlink()
    with pytest.raises(PipelineError, match=Path(lost).name):
        CliRunner().invoke(app, ["listen", "models/baseline-1/best.pt"], catch_exceptions=False)


def test_single_source_and_two_source_scenes_are_distinguished(place: Path) -> None:
    assert not read_evaluation_data(Path("data")).two_source
    assert read_evaluation_data(Path("other/data")).two_source


def test_an_empty_split_is_named(place: Path) -> None:
    with pytest.raises(PipelineError, match="no clip in the split 'val'"):
        listen("models/baseline-1/best.pt", "--split", "val")


def test_a_frame_without_a_mask_is_named(place: Path) -> None:
    labelled = np.ones((CLIPS, 5), bool)
    labelled[1, 3] = False
    np.save("data/frames/labelled.npy", labelled)
    with pytest.raises(PipelineError, match="c1, of the split 'test', has frames without a mask"):
        listen("models/baseline-1/best.pt")


def test_frames_of_another_size_are_refused(place: Path) -> None:
    for name, rest in (("frames", (3,)), ("masks", ())):
        np.save(f"data/frames/{name}.npy", np.zeros((CLIPS, 5, 64, 64, *rest), np.uint8))
    with pytest.raises(PipelineError, match="frames of 64 pixels, and baseline was trained with 32"):
        listen("models/baseline-1/best.pt")


@pytest.mark.parametrize("broken", ["data/audio/features.npy", "data/negatives/white.npy"])
def test_a_broken_array_is_named(place: Path, broken: str) -> None:
    Path(broken).write_bytes(b"nothing")
    with pytest.raises(PipelineError, match=f"{Path(broken).name}: is not a NumPy array"):
        listen("models/baseline-1/best.pt")


def test_every_checkpoint_is_read_before_any_work(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pipeline.cli.listen._evaluate", lambda *_: pytest.fail("a model was evaluated"))
    with pytest.raises(PipelineError, match=r"nope/best\.pt: no such file"):
        listen("models/baseline-1/best.pt", "nope/best.pt")
    with pytest.raises(PipelineError, match="a second checkpoint of baseline-1"):
        listen("models/baseline-1/best.pt", "models/baseline-1/../baseline-1/best.pt")


def test_a_model_is_named_after_its_folder_from_any_working_directory(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place / "models" / "baseline-1")
    _, found = listen("best.pt", "--data", str(place / "data"), "--audio", str(place / "data/audio"))
    assert list(found["models"]) == ["baseline-1"]


def test_sounds_of_other_clips_than_the_catalogues_are_refused(place: Path) -> None:
    np.save("data/negatives/white.npy", np.zeros((CLIPS + 1, 5, 128), np.float32))
    with pytest.raises(PipelineError, match=r"white\.npy: holds 4 clips, the catalogue 3"):
        listen("models/baseline-1/best.pt")


def test_a_model_is_printed_by_its_name_whatever_it_holds(place: Path) -> None:
    Path("models/baseline-1").rename("models/base[v2]-1")
    printed, _ = listen("models/base[v2]-1/best.pt", "--data", "other/data", "--audio", "other/data/audio")
    assert printed.count("base[v2]-1") == 2  # in the table, and before what is wrong with --audio
