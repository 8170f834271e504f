"""AVSBench S4 at its full size under DVC: seconds and memory of what grows with the number of files.

Writes 4,932 clips in the distributed layout with 17,260 VOC files, and runs stages in a copy of the
project. Tables, names, masks and labels are of as many clips; the videos are few, small and short, under many
names (hard links), so that the figures tell of the number of files and not of decoding.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measure import Setup, apart, failure, row, table
from pipeline.data.readers.s4 import CATEGORIES
from pipeline.labels.voc.voc_xml import Annotation, Box, voc_text
from tests.helpers.repository import Repository, copy_of_the_tree
from tests.helpers.trees import tone, write_video

FULL = 4932
WIDTH, HEIGHT, FPS, SECONDS = 96, 64, 10, 5
VIDEOS = 16


def write_tree(root: Path, labels: Path, clips: int) -> int:
    """An S4 tree with the splits' published shares, and a box on every train frame; how many labels."""
    originals = root / "originals"
    for number in range(VIDEOS):
        sound = tone(SECONDS, hertz=200.0 * (number + 1))
        write_video(
            originals / f"{number}.mp4",
            frames=SECONDS * FPS,
            fps=FPS,
            width=WIDTH,
            height=HEIGHT,
            sound=sound,
        )
    mask = np.zeros((224, 224), np.uint8)
    mask[:112, :112] = 255
    assert cv2.imwrite(str(originals / "mask.png"), mask)
    data = root / "Single-source" / "s4_data"
    train, val = round(clips * 3452 / FULL), round(clips * 740 / FULL)
    rows = []
    for number in range(clips):
        split = "train" if number < train else "val" if number < train + val else "test"
        category = CATEGORIES[number % len(CATEGORIES)]
        name = f"{'-' * (number % 20 == 0)}clip{number:04d}_0_5000"
        rows.append(f"{name},0,{category},{split}\n")
        _link(originals / f"{number % VIDEOS}.mp4", data / "raw_videos" / split / category / f"{name}.mp4")
        for k in range(1, 2 if split == "train" else 6):
            _link(originals / "mask.png", data / "gt_masks" / split / category / name / f"{name}_{k}.png")
        if split == "train":
            box = Box(category, 1, 1, WIDTH // 2, HEIGHT // 2)
            folder = labels / category / name
            folder.mkdir(parents=True)
            for k in range(1, 6):
                text = voc_text(Annotation(WIDTH, HEIGHT, (box,), f"{name}_{k}.jpg"), folder=name)
                (folder / f"{name}_{k}.xml").write_text(text, encoding="utf-8")
    (root / "Single-source" / "s4_meta_data.csv").write_text("".join(rows), encoding="utf-8")
    shutil.rmtree(originals)
    return 5 * train


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def measure(command: list[str], folder: str) -> dict[str, float]:
    """Seconds and gigabytes of a command that must succeed.

    Called in a small process: the command's peak holds, by fork, what its parent had.
    """
    checkout = Path(folder)
    env = Repository(checkout, checkout.parent / "home").environment
    log = checkout.parent / "log.txt"
    start = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)  # usage counts the command's own children, too
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {' '.join(log.read_text().split()[-100:])}")
    return {"seconds": seconds, "largest": usage.ru_maxrss * 1024 / 1e9}


def report(setup: Setup) -> Iterator[str]:
    """A line a command; wall time, and the peak of the largest process that it started."""
    clips = 60 if setup.quick else FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labels = write_tree(folder / "AVSBench", folder / "voc", clips)
        checkout = copy_of_the_tree(
            folder,
            data={"source": "s4", "root": str(folder / "AVSBench")},
            labels={"dir": str(folder / "voc")},
            compute={"jobs": -1},
        ).root
        repro = ["dvc", "repro", "crops"]
        steps = {
            f"catalogue of {clips:,} clips": [sys.executable, "-m", "stages.clips"],
            f"boxes of {labels:,} label files": [sys.executable, "-m", "stages.boxes"],
            f"first `{' '.join(repro)}`: {5 * clips:,} frames, {labels:,} crops": repro,
            "the same again: nothing to do": repro,
            "`dvc status crops`": ["dvc", "status", "crops"],
        }
        yield from table("command", "time", "peak")
        for what, command in steps.items():
            result = apart("benchmarks.full:measure", command=command, folder=str(checkout))
            if line := failure(result, what, 3):
                yield line
                return
            yield row([what, f"{result['seconds']:.1f} s", f"{result['largest']:.2f} GB"])
