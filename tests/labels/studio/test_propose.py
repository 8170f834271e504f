"""Masks -> proposed boxes, by hand; and from a checkpoint to what became of its proposals."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.checkpoint.load import load_checkpoint
from pipeline.cli import labels_project
from pipeline.cli.app import app
from pipeline.dataset.clips import ClipDataset
from pipeline.evaluation.predict import segment
from pipeline.labels.studio.frame_tasks import FrameTask
from pipeline.labels.studio.proposals import read_proposals
from pipeline.labels.studio.propose import (
    expected_iou,
    propose,
    propose_one,
    read_probabilities,
    without_specks,
)
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.studio_project import HEIGHT, WIDTH, make_project, pack
from tests.helpers.tiny_model import SIDE, write_checkpoint

SHOWN = FrameTask(Frame("abc", 1), "dog_barking", "x.jpg", 160, 120)


def _map(value: float = 0.9) -> np.ndarray:
    probability = np.zeros((12, 16), np.float32)
    probability[3:9, 4:12] = value
    return probability


def test_a_mask_becomes_its_box_in_pixels_of_the_frame() -> None:
    proposed = propose_one(_map(), SHOWN)
    assert proposed.boxes == (Box("dog_barking", 41, 31, 120, 90),)
    assert proposed.score == pytest.approx(0.9, abs=1e-6)


def test_clips_of_several_categories_are_reported_before_the_model_runs() -> None:
    def never() -> Iterator[np.ndarray]:
        raise AssertionError("the model ran")
        yield

    with pytest.raises(PipelineError, match="several sounds"):
        propose(never(), [replace(SHOWN, category="")], "m")


def test_the_whole_image_and_a_single_pixel() -> None:
    assert propose_one(np.ones((3, 4), np.float32), SHOWN).boxes == (Box("dog_barking", 1, 1, 160, 120),)
    small = FrameTask(Frame("abc", 1), "dog_barking", "x.jpg", 2, 2)
    one = np.zeros((8, 8), np.float32)
    one[7, 7] = 1
    assert propose_one(one, small).boxes == (Box("dog_barking", 2, 2, 2, 2),)


def test_expected_iou_by_hand() -> None:
    probability = np.array([[0.8, 0.6], [0.4, 0.0]])
    assert expected_iou(probability, probability > 0.5) == pytest.approx(1.4 / 2.4)


def test_no_mask_gives_no_box_and_comes_first() -> None:
    proposed = propose_one(_map(0.5), SHOWN)
    assert (proposed.boxes, proposed.score) == ((), 0.0)


def test_specks_do_not_widen_the_box_but_second_parts_do() -> None:
    probability = _map()
    probability[0, 0] = 1
    assert propose_one(probability, SHOWN).boxes == (Box("dog_barking", 41, 31, 120, 90),)
    probability[0:3, 0:3] = 1
    assert propose_one(probability, SHOWN).boxes == (Box("dog_barking", 1, 1, 120, 90),)
    assert not without_specks(np.zeros((3, 3), bool)).any()


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 300), st.integers(1, 300), st.randoms())
def test_every_box_lies_in_its_frame(h: int, w: int, width: int, height: int, random: object) -> None:
    probability = np.random.default_rng(random.randint(0, 99)).random((h, w)).astype(np.float32)  # type: ignore[attr-defined]
    proposed = propose_one(probability, FrameTask(Frame("abc", 1), "dog_barking", "x.jpg", width, height))
    assert 0 <= proposed.score <= 1
    for box in proposed.boxes:
        assert 1 <= box.xmin <= box.xmax <= width and 1 <= box.ymin <= box.ymax <= height


def test_the_version_tells_the_content() -> None:
    frames = [SHOWN, FrameTask(Frame("multi", 1), "", "y.jpg", 160, 120)]
    first = propose(np.stack([_map(), _map()]), frames, "m")
    assert list(first.frames) == ["abc_1"]  # without a category there is no class to propose
    assert first.model_version == propose(np.stack([_map(), _map(0.2)]), frames, "m").model_version
    assert first.model_version != propose(np.stack([_map(0.8), _map()]), frames, "m").model_version
    for count in (1, 3):
        with pytest.raises(PipelineError, match="2 frames"):
            propose(np.zeros((count, 4, 4)), frames, "m")


@pytest.mark.parametrize("value", [np.nan, 1.5, -0.1])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(PipelineError, match="abc_1"):
        propose_one(_map(value), SHOWN)


def test_files_of_predictions(tmp_path: Path) -> None:
    known = {SHOWN.frame: SHOWN}
    path = tmp_path / "p.npz"
    np.savez(
        path, name=["abc", "other"], frame=[1, 2], probability=np.stack([_map(), _map()]).astype(np.float16)
    )
    maps, frames, left = read_probabilities(path, known)
    assert maps.shape == (1, 12, 16) and maps.dtype == np.float32 and (frames, left) == ([SHOWN], 1)
    np.savez(path, name=["abc"], frame=[1, 2], probability=np.zeros((2, 4, 4)))
    with pytest.raises(PipelineError, match="name, frame and probability"):
        read_probabilities(path, known)
    np.savez(path, name=np.array([{}], dtype=object), frame=[1], probability=np.zeros((1, 4, 4)))
    with pytest.raises(PipelineError, match="name, frame and probability"):
        read_probabilities(path, known)  # pickled objects are never loaded
    np.savez(path, name=["zzz"], frame=[1], probability=np.zeros((1, 4, 4)))
    with pytest.raises(PipelineError, match="none of the frames"):
        read_probabilities(path, known)
    with pytest.raises(PipelineError, match="no such file"):
        read_probabilities(tmp_path / "none.npz", known)


@pytest.mark.parametrize(
    ("numbers", "value", "said"),
    [
        ([1, 0], 0.9, "clip abc, frame 0: frames are numbered from 1 to 5"),
        ([1, 6], 0.9, "clip abc, frame 6: frames are numbered from 1 to 5"),
        ([1, 1], 0.9, "clip abc, frame 1 occurs twice"),
        ([1, 2], 255, r"clip abc, frame 1: its map has values outside 0\.\.1; write probabilities"),
        ([1, 2], np.nan, r"clip abc, frame 1: its map has values outside 0\.\.1; write probabilities"),
    ],
)
def test_a_wrong_frame_or_map_of_a_file_is_named(
    tmp_path: Path, numbers: list[int], value: float, said: str
) -> None:
    path = tmp_path / "p.npz"
    np.savez(path, name=["abc", "abc"], frame=numbers, probability=np.stack([_map(value), _map(value)]))
    with pytest.raises(PipelineError, match=rf"p\.npz: {said}"):
        read_probabilities(path, {SHOWN.frame: SHOWN})


def test_maps_without_pixels_are_reported(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", name=["abc"], frame=[1], probability=np.zeros((1, 0, 4)))
    with pytest.raises(PipelineError, match=r"p\.npz: needs arrays"):
        read_probabilities(tmp_path / "p.npz", {SHOWN.frame: SHOWN})


def test_a_damaged_file_of_predictions_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    maps = np.random.default_rng(0).random((1, 64, 64))
    np.savez_compressed(path, name=["abc"], frame=[1], probability=maps)
    whole = path.read_bytes()
    middle = whole.index(b"probability.npy") + 200  # of the compressed maps
    for data in (b"", whole[:-30], whole[:middle] + bytes(50) + whole[middle + 50 :]):
        path.write_bytes(data)
        with pytest.raises(PipelineError, match=r"p\.npz: is not a whole"):
            read_probabilities(path, {SHOWN.frame: SHOWN})


class Annotated(FakeStudio):
    """A server in memory whose annotators accept, move and delete what is proposed, task by task."""

    def annotated(self, project: int) -> list[dict[str, Any]]:
        def moved(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
            value = result[0]["value"]
            return [{**result[0], "value": {**value, "width": value["width"] / 2}}]

        acts = [lambda result: result, moved, lambda result: []]
        return [
            {
                **task,
                "annotations": [{"id": task["id"], "completed_by": 1, "result": act(proposed["result"])}],
            }
            for task, act in zip(self.held, acts, strict=False)
            for proposed in task["predictions"]
        ]

    def people(self) -> dict[int, str]:
        return {1: "ann"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with packed frames, features and a checkpoint, in which `avs` runs."""
    folder = make_project(tmp_path)
    pack(folder, SIDE)
    write_checkpoint(folder / "models/proposed-1/best.pt")
    monkeypatch.chdir(folder)
    return folder


def _avs(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["labels", *arguments], catch_exceptions=False)


CHECKPOINT = ("propose", "--checkpoint", "models/proposed-1/best.pt")


def test_a_checkpoint_proposes_what_its_masks_hold(project: Path) -> None:
    assert "10 frames proposed" in _avs(*CHECKPOINT, "--no-push").output
    found = read_proposals(project / ".label-studio/proposals.json")
    assert found.model_version.startswith("proposed-1-") and found.ordered
    clips = ClipDataset(project / "data/frames", audio=np.load(project / "data/audio/features.npy"))
    model = load_checkpoint(project / "models/proposed-1/best.pt", torch.device("cpu"))
    for row, (name, category) in enumerate({"-abc_7": "dog_barking", "def": "helicopter"}.items()):
        batch = clips.load(np.array([row]))
        assert batch.audio is not None
        maps = segment(model, batch.frames.numpy(), batch.audio.numpy(), device=torch.device("cpu"))[0]
        for number, map_ in enumerate(maps, start=1):
            proposed = found.frames[f"{name}_{number}"]
            expected = propose_one(map_, FrameTask(Frame(name, number), category, "x", WIDTH, HEIGHT))
            assert proposed.boxes == expected.boxes and len(proposed.boxes) == 1
            assert proposed.score == pytest.approx(expected.score, abs=1e-5)
    assert len({one.score for one in found.frames.values()}) > 1


def test_from_a_checkpoint_to_what_became_of_its_proposals(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Annotated()
    monkeypatch.setattr(labels_project, "studio", lambda: contextlib.nullcontext(studio))
    assert "10 tasks added" in _avs("push").output
    said = _avs(*CHECKPOINT).output
    assert "10 proposals added" in said
    assert "0 proposals added" in _avs(*CHECKPOINT).output  # the same model proposes nothing twice
    assert studio.project is not None and studio.project["sampling"] == "Uncertainty sampling"
    assert studio.project["model_version"] == studio.held[0]["predictions"][0]["model_version"]
    said = _avs("pull").output
    assert "3 labels written" in said and "1 say that" in said
    said = _avs("check").output
    assert "3 of 10 frames labelled" in said and "1 kept, 1 moved, 1 thrown away" in said
    page = (project / "data/labels.html").read_text()
    assert "Of 3 proposals looked at, 1 were kept as they were" in page


def test_one_source_of_proposals_is_named(project: Path) -> None:
    for sources in ((), ("--checkpoint", "a.pt", "--probabilities", "a.npz")):
        with pytest.raises(PipelineError, match="--checkpoint or --probabilities"):
            _avs("propose", *sources)
    with pytest.raises(PipelineError, match=r"none\.pt: no such"):
        _avs("propose", "--checkpoint", "none.pt", "--no-push")


def test_left_out_maps_are_counted_and_what_sends_the_rest_is_reported(project: Path) -> None:
    np.savez(project / "p.npz", name=["def", "val"], frame=[1, 1], probability=np.ones((2, 4, 4)))
    said = _avs(
        "propose", "--probabilities", "p.npz", "--no-push", "--project", "a b", "--model", "m[a]"
    ).output
    assert "1 maps left out" in said and "1 frames proposed" in said and "as m[a]" in said
    file = ".label-studio/proposals.json"
    assert f"{file}: `avs labels push --proposals {file} --project 'a b'` sends them" in said


def test_an_unknown_server_is_reported_before_the_models_work(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(PipelineError, match="no Label Studio is known"):
        _avs(*CHECKPOINT)
    assert not (project / ".label-studio/proposals.json").exists()
