"""Prediction of any video: the same figures as on the packed arrays of the pipeline, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from pipeline.audio.extractor import AudioFeatureExtractor
from pipeline.audio.features import build_audio
from pipeline.checkpoint.load import Checkpoint, load_checkpoint
from pipeline.cli import predict as cli_predict
from pipeline.cli.app import app
from pipeline.data.catalog import to_frame
from pipeline.data.clip import Clip
from pipeline.data.frames import build_frames
from pipeline.dataset.clips import ClipDataset
from pipeline.evaluation.predict import (
    Prediction,
    predict_clips,
    predict_video,
    segment,
    write_prediction,
)
from pipeline.labels.studio.frame_tasks import FrameTask
from pipeline.labels.studio.propose import read_probabilities
from pipeline.labels.voc.label_paths import Frame
from pipeline.model import Segmenter
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import digest
from pipeline.utils.parallel import SERIAL
from tests.helpers.published_names import published_state
from tests.helpers.tiny_model import SIDE, write_checkpoint
from tests.helpers.trees import HEIGHT, WIDTH, number_of, tone, write_sound, write_video

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips as the stages pack them, a checkpoint, and other sounds."""
    root = tmp_path_factory.mktemp("predict")
    clips = []
    for name, hertz in {"a": 440.0, "b": 1500.0}.items():
        write_video(root / f"{name}.mp4", sound=tone(5, hertz=hertz))
        clips.append(
            Clip(name, "race_car", "train", 0, f"{root}/{name}.mp4", None, None, [None] * 5, None, None, None)
        )
    table = to_frame(clips)
    build_frames(table, root / "data/frames", image_size=SIDE, workers=SERIAL)
    build_audio(table, root / "data/audio", workers=SERIAL)
    write_sound(root / "other.wav", tone(5, 16_000, hertz=3000.0))
    write_video(root / "mute.mp4", silent=True)
    inputs = {"audio": digest([root / "data/audio/features.npy"])}
    write_checkpoint(root / "models/baseline-1/best.pt", inputs=inputs)
    write_checkpoint(root / "models/silent-1/best.pt", audio=False)
    return root


@pytest.fixture
def model(project: Path) -> Checkpoint:
    return load_checkpoint(project / "models/baseline-1/best.pt", CPU)


def _predict(project: Path, model: Checkpoint, video: str, sound: str | None = None) -> Prediction:
    extractor = AudioFeatureExtractor.from_folder(project / "data/audio")
    return predict_video(model, project / video, extractor, project / sound if sound else None, device=CPU)


def _packed(project: Path, model: Checkpoint, rows: np.ndarray) -> list[np.ndarray]:
    return list(
        predict_clips(model, project / "data/frames", project / "data/audio", rows, device=CPU, batch_size=2)
    )


def test_a_video_file_gives_what_its_packed_clip_gives(project: Path, model: Checkpoint) -> None:
    packed = _packed(project, model, np.arange(2))
    for clip, name in zip(packed, "ab", strict=True):
        found = _predict(project, model, f"{name}.mp4")
        assert found.probability.shape == (5, SIDE, SIDE)
        np.testing.assert_allclose(found.probability, clip, atol=1e-5)
        assert [number_of(frame) for frame in found.frames] == [23, 48, 73, 98, 123]  # 25 l + 15/16 of 25
    assert np.abs(packed[0] - packed[1]).max() > 1e-3  # the comparison above could have failed


def test_clips_come_in_the_order_asked_for_whatever_the_batch(project: Path, model: Checkpoint) -> None:
    features = np.load(project / "data/audio/features.npy")
    clips = ClipDataset(project / "data/frames", audio=features)
    rows = np.array([1, 0, 1])
    found = _packed(project, model, rows)
    for row, one in zip(rows, found, strict=True):
        alone = segment(model, clips.frames[row : row + 1].copy(), features[row : row + 1], device=CPU)[0]
        np.testing.assert_allclose(one, alone, atol=1e-5)


def test_another_sound_goes_through_the_extractor_of_training(project: Path, model: Checkpoint) -> None:
    own, swapped = _predict(project, model, "a.mp4"), _predict(project, model, "a.mp4", "b.mp4")
    assert np.abs(own.probability - swapped.probability).max() > 1e-3
    features = np.load(project / "data/audio/features.npy")
    clips = ClipDataset(project / "data/frames", audio=features)
    crossed = segment(model, clips.frames[:1].copy(), features[1:], device=CPU)[0]
    np.testing.assert_allclose(swapped.probability, crossed, atol=1e-5)
    assert np.isfinite(_predict(project, model, "mute.mp4", "other.wav").probability).all()


def test_masks_are_the_probability_at_the_size_of_the_frames() -> None:
    probability = np.zeros((1, 4, 4), np.float32)
    probability[0, :, 2:] = 1
    frames = np.zeros((1, 8, 16, 3), np.uint8)
    masks = Prediction(frames, probability, "").masks
    assert masks.shape == (1, 8, 16)
    assert masks[0, :, 8:].all() and not masks[0, :, :8].any()


def test_frames_of_another_size_and_missing_features_are_refused(
    project: Path, model: Checkpoint, tmp_path: Path
) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    np.save(frames / "frames.npy", np.zeros((2, 5, 64, 64, 3), np.uint8))
    np.save(frames / "masks.npy", np.zeros((2, 5, 64, 64), np.uint8))
    np.save(frames / "labelled.npy", np.zeros((2, 5), bool))
    options = {"device": CPU, "batch_size": 1}
    with pytest.raises(PipelineError, match="64 pixels, the checkpoint was trained on 32"):
        list(predict_clips(model, frames, project / "data/audio", np.array([0]), **options))  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match=r"features\.npy: no such file.*dvc repro"):
        list(predict_clips(model, frames, tmp_path, np.array([0]), **options))  # type: ignore[arg-type]


def test_packed_features_that_are_not_finite_are_named(
    project: Path, model: Checkpoint, tmp_path: Path
) -> None:
    features = np.load(project / "data/audio/features.npy")
    features[1, 2, 3] = np.inf
    np.save(tmp_path / "features.npy", features)
    with pytest.raises(PipelineError, match=r"features\.npy: has features that are NaN or infinite"):
        list(predict_clips(model, project / "data/frames", tmp_path, np.arange(2), device=CPU, batch_size=2))


def test_what_is_written(tmp_path: Path) -> None:
    probability = np.zeros((5, SIDE, SIDE), np.float32)
    probability[:, : SIDE // 2] = 0.75
    frames = np.full((5, HEIGHT, WIDTH, 3), 60, np.uint8)
    (tmp_path / "mine.txt").write_text("stays")
    write_prediction(tmp_path, "clip", Prediction(frames, probability, ""))
    for k in range(1, 6):
        mask = cv2.imread(str(tmp_path / f"clip_{k}.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (HEIGHT, WIDTH)
        assert (mask[: HEIGHT // 2 - 2] == 255).all() and (mask[HEIGHT // 2 + 2 :] == 0).all()
    shown = FrameTask(Frame("clip", 3), "race_car", "x.jpg", WIDTH, HEIGHT)
    maps, *_ = read_probabilities(tmp_path / "probability.npz", {shown.frame: shown})
    np.testing.assert_array_equal(maps[0], probability[2])
    picture = cv2.imread(str(tmp_path / "overlay.png"))
    assert picture.shape == (3 * HEIGHT, 5 * WIDTH + 4 * 3, 3)  # 3 rows; 4 gaps of 3 pixels
    assert (picture[:HEIGHT, :WIDTH] == 60).all()
    found = picture[HEIGHT : 2 * HEIGHT, :WIDTH].astype(int)
    assert (found[5:20].max(axis=2) - found[5:20].min(axis=2)).min() > 50  # coloured where found
    assert np.ptp(found[-5:], axis=2).max() == 0  # grey elsewhere
    assert picture[2 * HEIGHT + 5, 5].tolist() == [191] * 3 and picture[-5, 5].tolist() == [0] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"clip_{k}.png" for k in range(1, 6)), "mine.txt", "overlay.png", "probability.npz"
    ]  # fmt: skip


def _avs(project: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.chdir(project)
    return CliRunner().invoke(app, ["predict", *arguments])


def test_the_command(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = _avs(project, monkeypatch, "a.mp4")
    place = project / "predictions" / "baseline-1"
    assert done.exit_code == 0 and "predictions/baseline-1/a/overlay.png" in done.output
    assert "note" not in done.output and len(list((place / "a").iterdir())) == 7
    done = _avs(project, monkeypatch, "a.mp4", "--audio", "other.wav")
    assert done.exit_code == 0 and (place / "a-other/a_5.png").exists()
    own, other = (np.load(place / one / "probability.npz") for one in ("a", "a-other"))
    assert np.abs(own["probability"] - other["probability"]).max() > 1e-3
    done = _avs(project, monkeypatch, "mute.mp4", "--checkpoint", "models/silent-1/best.pt", "--out",
                str(tmp_path / "out"))  # fmt: skip
    assert done.exit_code == 0 and (tmp_path / "out/mute_1.png").exists()  # a model without audio needs none


def test_a_short_video_and_features_made_again_are_reported(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_video(tmp_path / "short.mp4", frames=50)
    other = write_checkpoint(tmp_path / "best.pt", inputs={"audio": "another"})
    done = _avs(project, monkeypatch, str(tmp_path / "short.mp4"), "--checkpoint", str(other))
    assert "note: 50 frames at 25 a second give 2 of 5" in done.output
    assert "note: data/audio was made again" in done.output


def test_a_short_sound_is_reported(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_sound(tmp_path / "short.wav", tone(2, 16_000))
    done = _avs(project, monkeypatch, "a.mp4", "--audio", str(tmp_path / "short.wav"),
                "--checkpoint", "models/baseline-1/best.pt")  # fmt: skip
    assert "note: 2.00 s of sound give 2 of 5 patches; the last is repeated" in done.output


def test_the_published_codes_checkpoint_is_told_to_keep_its_features_to_itself(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.save(published_state(Segmenter("resnet50", channels=8, tpavi_stages=[4])), tmp_path / "S4.pth")
    done = _avs(
        project,
        monkeypatch,
        "a.mp4",
        "--checkpoint",
        str(tmp_path / "S4.pth"),
        "--out",
        str(tmp_path / "out"),
    )
    assert done.exit_code == 0 and (tmp_path / "out/overlay.png").exists()
    assert "S4.pth does not say which audio features it was trained with" in done.output
    assert "it was given those of VGGish seeded" in done.output and "made again" not in done.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["mute.mp4"], r"mute\.mp4: has no sound.*--audio FILE"),
        (["none.mp4"], r"none\.mp4: no such file\.$"),
        (["a.mp4", "--audio", "none.wav"], r"none\.wav: no such file\.$"),
        (["a.mp4", "--audio", "mute.mp4"], r"mute\.mp4: has no sound"),
        (["other.wav"], r"other\.wav: has no video"),
        (["a.mp4", "--audio", "click.wav"], r"click\.wav: 0\.10 s of sound"),
        (["a.mp4", "--checkpoint", "models/none/best.pt"], r"models/none/best\.pt: no such file"),
        (["a.mp4", "--checkpoint", "other.wav"], r"other\.wav: is not a file of weights"),
        (["a.mp4", "--audio", "b.mp4", "--checkpoint", "models/silent-1/best.pt"], "has no audio input"),
    ],
)
def test_what_is_wrong_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    write_sound(project / "click.wav", tone(0.1, 16_000))
    done = _avs(project, monkeypatch, *arguments)
    assert isinstance(done.exception, PipelineError)
    with pytest.raises(PipelineError, match=complaint):
        raise done.exception
    assert not list(project.glob("predictions/*/none"))


def test_without_the_extractor_the_stage_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_predict, "AUDIO", Path("elsewhere"))
    done = _avs(project, monkeypatch, "a.mp4")
    assert "elsewhere/info.json" in str(done.exception) and "dvc repro" in str(done.exception)
