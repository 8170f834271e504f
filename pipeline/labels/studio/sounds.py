"""Clip sounds for annotators, as files that a browser plays next to the frame."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import soundfile

from pipeline.data.sound import RATE, read_mono
from pipeline.utils.files import atomic_path
from pipeline.utils.parallel import ALL_CORES, Workers

_ONE_PROCESS = 20  # fewer files are written before other processes would have started


def sound_path(name: str) -> str:
    """Relative to the folder of sounds."""
    return f"{name}.flac"


def write_sounds(catalog: pd.DataFrame, folder: Path, *, workers: Workers = ALL_CORES) -> int:
    """Write `{name}.flac` (16 kHz, mono, 5 s) for every train clip whose file is missing or out of date.

    Returns:
        How many were written.

    Raises:
        PipelineError: names the clips whose sound cannot be read.
    """
    train = catalog[catalog["split"] == "train"]
    wanted = [
        (audio or video, folder / sound_path(name))
        for name, audio, video in zip(train["name"], train["audio"], train["video"], strict=True)
    ]
    stale = [(source, target) for source, target in wanted if _is_stale(Path(source), target)]
    if stale:
        if len(stale) < _ONE_PROCESS:
            workers = replace(workers, jobs=1)
        workers.map(_write_one, stale, "sounds for annotators")
    return len(stale)


def _write_one(item: tuple[str, Path]) -> None:
    source, target = item
    time = Path(source).stat().st_mtime_ns if Path(source).exists() else 0  # read_mono reports a missing one
    wave = read_mono(Path(source))
    with atomic_path(target) as temporary:
        encoded = io.BytesIO()
        soundfile.write(encoded, wave, RATE, format="FLAC")
        temporary.write_bytes(encoded.getvalue())  # where libsndfile writes, a full disk is no OSError
        os.utime(temporary, ns=(time, time))  # the next push compares it with the source's


def _is_stale(source: Path, target: Path) -> bool:
    """Whether the target is missing or its source has changed; one whose source is gone stays."""
    if not target.exists():
        return True
    return source.exists() and source.stat().st_mtime_ns != target.stat().st_mtime_ns
