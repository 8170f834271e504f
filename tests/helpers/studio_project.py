"""A project on disk for the tests of the loop: catalogue, frames, sounds, params; and how to run `avs`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import soundfile
import yaml

from pipeline.data.catalog import to_frame, write_catalog
from pipeline.data.clip import Clip
from tests.helpers.paths import ROOT

WIDTH, HEIGHT = 160, 120
CLIPS = {"-abc_7": "dog_barking", "def": "helicopter"}


def make_project(folder: Path) -> Path:
    """Two train clips of five frames: grey, with a white square where the object is."""
    clips = []
    for name, category in CLIPS.items():
        wav = folder / "sounds" / f"{name}.wav"
        wav.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(wav, np.sin(np.arange(5 * 16_000) * 0.2) * 0.3, 16_000)
        clips.append(
            Clip(name, category, "train", 0, f"{name}.mp4", str(wav), None, [None] * 5, None, None, None)
        )
        for number in range(1, 6):
            path = folder / f"data/frames/images/train/{category}/{name}/{name}_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            image[30:90, 40:120] = 255
            assert cv2.imwrite(str(path), image)
    write_catalog(folder / "data/catalog.parquet", to_frame(clips))
    (folder / "labels").mkdir()
    shutil.copy(ROOT / "labels/label_studio.xml", folder / "labels")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["labels"]["dir"] = "labels/voc"
    params["compute"]["jobs"] = 1
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder


def pack(folder: Path, side: int) -> None:
    """What the stages `frames` and `audio` pack for the project's clips, which differ in brightness alone."""
    count = len(CLIPS)
    frames = np.full((count, 5, side, side, 3), 90, np.uint8)
    frames[:, :, side // 4 : -side // 4, side // 4 : -side // 4] = 255
    frames += np.arange(count * 5, dtype=np.uint8).reshape(count, 5, 1, 1, 1) * 12
    np.save(folder / "data/frames/frames.npy", frames)
    np.save(folder / "data/frames/masks.npy", np.zeros((count, 5, side, side), np.uint8))
    np.save(folder / "data/frames/labelled.npy", np.zeros((count, 5), bool))
    (folder / "data/audio").mkdir()
    features = np.random.default_rng(0).normal(size=(count, 5, 128)).astype(np.float32)
    np.save(folder / "data/audio/features.npy", features)


def studio_command() -> str | None:
    """A Label Studio for the tests: LABEL_STUDIO_COMMAND, the checkout's own, or the one on PATH."""
    own = ROOT / ".label-studio" / "venv" / "bin" / "label-studio"
    return os.environ.get("LABEL_STUDIO_COMMAND") or (
        str(own) if own.exists() else shutil.which("label-studio")
    )


def environment() -> dict[str, str]:
    keep = {key: value for key, value in os.environ.items() if not key.startswith("LABEL_STUDIO_")}
    command = studio_command()
    return {**keep, "PYTHONPATH": str(ROOT), **({"LABEL_STUDIO_COMMAND": command} if command else {})}


def avs(*arguments: str) -> list[str]:
    """The command line of `avs labels ...`."""
    code = "from pipeline.cli.app import app, main; from pipeline.cli.labels import labels_app; "
    code += "app.add_typer(labels_app, name='labels'); main()"
    return [sys.executable, "-c", code, "labels", *arguments]


def run_avs(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        avs(*arguments),
        cwd=folder,
        env={**environment(), **more},
        capture_output=True,
        text=True,
        timeout=120,
    )
