"""Reader of AVSBench-object's S4 layout: clips with a single sound source.

`Single-source/s4_meta_data.csv` lists name, start second, category and split; files are in
`Single-source/s4_data/` as `raw_videos/{split}/{category}/{name}.mp4`,
`visual_frames/{split}/{category}/{name}/{name}_{1..5}.png`, `gt_masks/...` likewise (train: frame 1 only) and
`audio_wav/{split}/{category}/{name}.wav`. The pickled log-mels of `audio_log_mel/` are never opened:
unpickling can run any code, and the features are recomputed from the sound in milliseconds.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data.readers.assemble import ClipFiles, Found, Prefer, add_clip
from pipeline.data.readers.table import S4_COLUMNS, SILENT_COLUMNS, read_table, second

TABLE = Path("Single-source/s4_meta_data.csv")
DATA = Path("Single-source/s4_data")
# of the published data set, by which it is recognised; a tree in its layout may have any others
CATEGORIES: tuple[str, ...] = (
    "ambulance_siren",
    "baby_laughter",
    "cap_gun_shooting",
    "cat_meowing",
    "chainsawing_trees",
    "coyote_howling",
    "dog_barking",
    "driving_buses",
    "female_singing",
    "helicopter",
    "horse_clip-clop",
    "lawn_mowing",
    "lions_roaring",
    "male_speech",
    "mynah_bird_singing",
    "playing_acoustic_guitar",
    "playing_glockenspiel",
    "playing_piano",
    "playing_tabla",
    "playing_ukulele",
    "playing_violin",
    "race_car",
    "typing_on_computer_keyboard",
)


def read_s4(root: Path, prefer: Prefer = "videos") -> Found:
    """All clips that the table lists, and what is missing; seconds for the full 4,932 clips.

    Raises:
        PipelineError: the table itself cannot be read.
    """
    data = root / DATA
    silent_table = data / "silent_meta_data.csv"
    silent_rows = read_table(silent_table, SILENT_COLUMNS) if silent_table.is_file() else []
    silent = {row["name"]: row["category"] for row in silent_rows}
    found = Found()
    for row in read_table(root / TABLE, S4_COLUMNS):
        name, split = row["name"], row["split"]
        inside = Path(split) / row["category"]
        files = ClipFiles(
            video=data / "raw_videos" / inside / f"{name}.mp4",
            frames=data / "visual_frames" / inside / name,
            frame_names=("{name}_{k}.png",),
            masks=data / "gt_masks" / inside / name,
            labelled=frozenset({1} if split == "train" else range(1, 6)),
            sounds=(data / "audio_wav" / inside / f"{name}.wav",),
            silent_masks=data / "silent_masks" / inside / name,
            silent_sound=data / "silent_wav" / inside / f"{name}.wav",
        )
        add_clip(found, row, second(row["start"]), files, prefer, silent)
    return found
