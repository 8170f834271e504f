"""Reader of AVSBench-object's MS3 layout: clips with several sound sources.

`Multi-sources/ms3_meta_data.csv` lists name and split; files are in `Multi-sources/ms3_data/` as
`raw_videos/{name}.mp4`, `visual_frames/{name}/{name}.mp4_{1..5}.png`,
`gt_masks/{split}/{name}/{name}_{1..5}.png` (all five in every split) and `audio_wav/{split}/{name}.wav`.
Clips have no single category. As for S4, pickled log-mels are never opened.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data.readers.assemble import ClipFiles, Found, Prefer, add_clip
from pipeline.data.readers.table import MS3_COLUMNS, SILENT_COLUMNS, read_table

TABLE = Path("Multi-sources/ms3_meta_data.csv")
DATA = Path("Multi-sources/ms3_data")


def read_ms3(root: Path, prefer: Prefer = "videos") -> Found:
    """All clips that the table lists, and what is missing.

    Raises:
        PipelineError: the table itself cannot be read.
    """
    data = root / DATA
    silent_table = data / "silent_meta_data.csv"
    silent_rows = read_table(silent_table, SILENT_COLUMNS) if silent_table.is_file() else []
    silent = {row["name"]: row["category"] for row in silent_rows}
    found = Found()
    for row in read_table(root / TABLE, MS3_COLUMNS):
        name, split = row["name"], row["split"]
        files = ClipFiles(
            video=data / "raw_videos" / f"{name}.mp4",
            frames=data / "visual_frames" / name,
            frame_names=("{name}.mp4_{k}.png", "{name}_{k}.png"),
            masks=data / "gt_masks" / split / name,
            labelled=frozenset(range(1, 6)),
            sounds=(data / "audio_wav" / split / f"{name}.wav", data / "audio_wav" / f"{name}.wav"),
            silent_masks=data / "silent_masks" / split / name,
            silent_sound=data / "silent_wav" / split / f"{name}.wav",
        )
        add_clip(found, row, 0, files, prefer, silent)
    return found
