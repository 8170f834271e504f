"""Evaluation against figures worked out by hand, of models whose masks the sound decides."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from pipeline.checkpoint.load import Checkpoint
from pipeline.dataset.evaluation import EvaluationData
from pipeline.evaluation.crop_features import crop_features
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.tables import listening_json, listening_table
from pipeline.metrics.listening import g_miou
from pipeline.model import Segmentation

CPU = torch.device("cpu")
SIDE, CLIPS = 32, 4


class Scripted(nn.Module):
    """A segmenter whose mask is decided by the sound: left half under 1, right half under 2, the left half
    and less surely the next quarter under 3, the left quarter under 4, else none.
    """

    def encode(self, frames: Tensor) -> list[Tensor]:
        return [frames]

    def decode(self, maps: list[Tensor], audio: Tensor | None) -> Segmentation:
        frames = maps[0]
        logits = torch.full((*frames.shape[:2], SIDE, SIDE), -9.0)
        heard = torch.ones(frames.shape[:2]) if audio is None else audio[..., 0]
        logits[..., : SIDE // 2][heard == 1] = 9.0
        logits[..., SIDE // 2 :][heard == 2] = 9.0
        logits[..., : SIDE // 2][heard == 3] = 9.0
        logits[..., SIDE // 2 : 3 * SIDE // 4][heard == 3] = 0.5  # a probability of 0.62
        logits[..., : SIDE // 4][heard == 4] = 9.0
        return Segmentation(logits, [], [])


def run(
    tmp_path: Path,
    *,
    audio: bool,
    model: nn.Module | None = None,
    own: tuple[float, ...] = (1, 1, 1, 1),
    another: float = 2,
):
    frames = np.zeros((CLIPS, 5, SIDE, SIDE, 3), np.uint8)
    left = np.zeros((CLIPS, 5, SIDE, SIDE), np.uint8)
    left[..., : SIDE // 2] = 1
    np.save(tmp_path / "frames.npy", frames)
    np.save(tmp_path / "masks.npy", left)
    np.save(tmp_path / "labelled.npy", np.ones((CLIPS, 5), bool))

    def sound(value: float) -> np.ndarray:
        return np.full((CLIPS, 5, 128), value, np.float32)

    partly = sound(2.0)
    partly[3] = np.nan  # a clip that lacks the condition
    heard = np.array(own, np.float32)[:, None, None].repeat(5, 1).repeat(128, 2)
    plan = SimpleNamespace(audio=audio, variant="scripted", model=SimpleNamespace(image_size=SIDE))
    catalog = pd.DataFrame(
        {
            "name": ["a", "b", "c", "d"],
            "category": ["dog", "dog", "dog", "piano"],
            "split": ["train", "test", "test", "test"],
        }
    )
    sounds = {
        "silence": sound(0.0),
        "other_category": sound(another),
        "shifted": partly,
        "silent_object": sound(2.0),
    }
    return evaluate(
        Checkpoint(plan, model or Scripted(), None, 1, 0.0),  # type: ignore[arg-type]
        EvaluationData(catalog, tmp_path, heard, sounds, 1 - left),
        "test",
        device=CPU,
        batch_size=2,
        pictured=np.array([0, 2]),
    )


def test_a_model_that_hears_scores_as_worked_out_by_hand(tmp_path):
    result = run(tmp_path, audio=True)
    figures = result.figures
    assert figures["miou"] == pytest.approx(1, abs=1e-6)
    assert figures["fscore"] == pytest.approx(1, abs=1e-6)
    assert figures["miou_silence"] == 0 and figures["null_score_silence"] == 0
    assert figures["g_miou_silence"] == pytest.approx(1, abs=1e-6)
    # another's sound moves the mask to the right half: half the picture, nothing of the truth
    assert figures["swapped_miou"] == 0
    assert figures["false_positive_area_other_category"] == pytest.approx(0.5)
    assert figures["sensitivity_other_category"] == pytest.approx(1)
    assert figures["swap_passed"] == 1
    assert "g_miou_shifted" not in figures  # still the object's own sound: no negative
    assert list(result.clips["name"]) == ["b", "c", "d"]
    assert dict(zip(result.categories["category"], result.categories["clips"], strict=True)) == {
        "dog": 2,
        "piano": 1,
    }
    assert result.masks["true"].shape == (2, 5, SIDE, SIDE)
    assert result.masks["silence"].shape == (2, 5, SIDE, SIDE) and not result.masks["silence"].any()
    told = listening_json(result.listening)
    assert list(told) == ["all", "dog", "piano"]
    assert told["dog"]["silence"] == {
        "clips": 2,
        "miou": 0,
        "false_positive_area": 0,
        "null_score": 0,
        "g_miou": pytest.approx(1, abs=1e-6),
        "sensitivity": 1,
    }
    assert told["piano"]["silent_object"]["swap_passed"] == 1 and "g_miou" not in told["dog"]["shifted"]
    # the piano's clip lacks that sound
    assert result.clips["miou_shifted"].isna().tolist() == [False, False, True]
    assert told["all"]["shifted"]["clips"] == 2 and "shifted" not in told["piano"]


def test_an_imperfect_model_by_category_by_hand(tmp_path):
    """Dogs hear 4: half of the object. The piano hears 3: the object, and less surely half as much again."""
    result = run(tmp_path, audio=True, own=(4, 4, 4, 3), another=4)
    rows = result.categories.set_index("category")
    assert rows["miou"].to_dict() == pytest.approx({"dog": 1 / 2, "piano": 2 / 3}, abs=1e-4)
    # precision 1, recall 1/2: 1.3 * 1/2 / (0.3 + 1/2); of the piano the surer part alone is the object
    assert rows["fscore"].to_dict() == pytest.approx({"dog": 0.8125, "piano": 1}, abs=1e-3)
    assert result.figures["fscore"] == pytest.approx((2 * 0.8125 + 1) / 3, abs=1e-3)
    assert result.figures["miou"] == pytest.approx((2 / 2 + 2 / 3) / 3, abs=1e-4)
    told = listening_json(result.listening)
    by_hand = {"dog": g_miou(1 / 2, 1 / 2), "piano": g_miou(2 / 3, 1 / 2), "all": g_miou(5 / 9, 1 / 2)}
    found = {category: told[category]["other_category"]["g_miou"] for category in by_hand}
    assert found == pytest.approx(by_hand, abs=1e-4)


def test_a_clip_passes_the_swap_test_as_a_whole(tmp_path):
    """The mask goes to the other object in two frames of five, and stays in three: most of it stayed."""

    class Wavering(Scripted):
        def decode(self, maps: list[Tensor], audio: Tensor | None) -> Segmentation:
            assert audio is not None
            still = audio.clone()
            still[:, 2:] = 1
            return super().decode(maps, still)

    assert run(tmp_path, audio=True, model=Wavering()).figures["swap_passed"] == 0


def test_a_model_without_audio_is_blind_in_every_figure(tmp_path):
    figures = run(tmp_path, audio=False).figures
    assert figures["swapped_miou"] == figures["miou_silence"] == figures["miou"]
    assert figures["g_miou_silence"] == pytest.approx(g_miou(figures["miou"], figures["miou"]))
    assert figures["sensitivity_other_category"] == 0
    assert figures["swap_passed"] == 0


class Corner(nn.Module):
    """Crop features that are the first pixel of each crop, as `normalise` leaves it."""

    def crop_features(self, crops: Tensor) -> Tensor:
        return crops[..., 0, 0]


def test_crop_features_are_those_of_the_boxes_that_are_there(tmp_path):
    crops = np.random.default_rng(0).integers(0, 256, (35, 5, 4, 4, 3), np.uint8)  # more than one batch
    present = np.ones((35, 5), bool)
    present[0, 1:], present[33] = False, False
    np.save(tmp_path / "crops.npy", crops)
    packed = np.load(tmp_path / "crops.npy", mmap_mode="r")
    model = Checkpoint(None, Corner(), None, 1, 0.0)  # type: ignore[arg-type]
    torch.set_warn_always(True)  # of memory that torch may not write to, it warns once a process
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = crop_features(model, packed, present, None, device=CPU)
    finally:
        torch.set_warn_always(False)
    assert found["row"].tolist() == [0, *np.repeat([*range(1, 33), 34], 5)]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # ImageNet's
    expected = (crops[present][:, 0, 0] / 255 - mean) / std
    np.testing.assert_allclose(found["features"], expected, atol=1e-5)
    assert "crop_embedding" not in found  # without heads there is none


def test_g_miou_is_of_the_clips_that_have_the_sound() -> None:
    """A deaf model: the clip without another category's sound would raise the half under the true one."""
    table = pd.DataFrame(
        {
            "category": ["a", "b"],
            "miou": [0.1, 0.9],
            "miou_other_category": [0.1, np.nan],
            "area_other_category": [0.2, np.nan],
            "sensitivity_other_category": [0.0, np.nan],
        }
    )
    found = listening_table(table, ["other_category"]).set_index(["category", "condition"])
    assert found.loc[("all", "true"), "miou"] == pytest.approx(0.5)
    assert found.loc[("all", "other_category"), "g_miou"] == pytest.approx(g_miou(0.1, 0.1))
    assert found.loc[("all", "other_category"), "clips"] == 1
    assert ("b", "other_category") not in found.index
