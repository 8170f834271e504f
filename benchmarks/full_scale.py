"""AVSBench S4 at its full size under DVC: `python benchmarks/full_scale.py [--clips 60] [--whole]`.

Writes 4,932 clips in the distributed layout with 17,260 VOC files, and runs stages in a copy of the tracked
tree. Tables, names, masks and labels are of as many clips; the videos are few, small and short, under many
names (hard links), so that the figures tell of the number of files and not of decoding. Seconds are wall
time; memory is the peak of the largest process that a command started.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from pipeline.categories import CATEGORIES
from pipeline.labels.voc import Annotation, Box, voc_text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from repository import copy_of_the_tree  # noqa: E402
from trees import tone, write_video  # noqa: E402

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


def measure(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and MiB of a command that must succeed."""
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder.parent / "site"),
    }
    log = folder.parent / "log.txt"
    start = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)  # usage counts the command's own children, too
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return seconds, usage.ru_maxrss / 1024


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=FULL)
    parser.add_argument(
        "--whole", action="store_true", help="the whole DAG, with a small model, not its data part"
    )
    options = parser.parse_args()
    upto = [] if options.whole else ["crops"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labels = write_tree(folder / "AVSBench", folder / "voc", options.clips)
        checkout = copy_of_the_tree(
            folder,
            data={"source": "s4", "root": str(folder / "AVSBench")},
            labels={"dir": str(folder / "voc")},
            train={"batch_size": 32, "variants": ["baseline"]},
            evaluate={"batch_size": 32},
            compute={"jobs": -1},
        ).root
        steps = [
            (f"catalogue of {options.clips:,} clips", [sys.executable, "-m", "stages.clips"]),
            (f"boxes of {labels:,} label files", [sys.executable, "-m", "stages.boxes"]),
            (f"first `{' '.join(['dvc', 'repro', *upto])}`", ["dvc", "repro", *upto]),
            ("the same again: nothing to do", ["dvc", "repro", *upto]),
            ("`dvc status`", ["dvc", "status", *upto]),
        ]
        rows = [(what, *measure(command, checkout)) for what, command in steps]
    changed = " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    print(f"`python benchmarks/full_scale.py {' '.join(sys.argv[1:])}`".replace(" `", "`"))
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; ", end="")
    print(f"commit {_git('rev-parse', '--short', 'HEAD').strip()}{changed}\n")
    print("| step | seconds | peak MiB |\n|---|---:|---:|")
    for what, seconds, memory in rows:
        print(f"| {what} | {seconds:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
