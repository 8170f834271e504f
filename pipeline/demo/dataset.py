"""Demo data set: which clips it has, and writing them in AVSBench's layout."""

from __future__ import annotations

import csv
import functools
import io
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.config.params import Demo
from pipeline.data.clip import SPLITS
from pipeline.demo.clip import SECONDS, DemoClip, DemoFiles, write_clip
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder
from pipeline.utils.parallel import ALL_CORES, Workers
from pipeline.utils.random_streams import DemoStream

# The order in which categories are added as `demo.categories` grows: dissimilar ones first.
ORDER: tuple[str, ...] = (
    "ambulance_siren",
    "dog_barking",
    "helicopter",
    "playing_piano",
    "mynah_bird_singing",
    "lions_roaring",
    "typing_on_computer_keyboard",
    "horse_clip-clop",
    "female_singing",
    "lawn_mowing",
    "playing_tabla",
    "race_car",
    "cat_meowing",
    "playing_violin",
    "driving_buses",
    "baby_laughter",
    "cap_gun_shooting",
    "playing_acoustic_guitar",
    "male_speech",
    "chainsawing_trees",
    "playing_glockenspiel",
    "coyote_howling",
    "playing_ukulele",
)
_DATA = {"s4": "Single-source/s4_data", "ms3": "Multi-sources/ms3_data"}
# (sounding, silent) objects, block by block; three in view in MS3 may be two and one, or one and two.
_COUNTS = {"s4": ((1, 1),), "ms3": ((1, 1), (2, 1), (1, 2))}
_ID_LETTERS = string.ascii_letters + string.digits + "_-"
_DASH_SHARE = 0.08  # of the names begin with "-", as 247 of AVSBench's 4,932 do


def plan_clips(demo: Demo) -> list[DemoClip]:
    """Plan every clip; clip k of a split does not depend on how many clips there are.

    In each block of `demo.categories` clips every category sounds once and is silent equally often, so that
    its being in view says nothing about whether it sounds.

    Args:
        demo: the section `demo` of params.yaml.

    Returns:
        The clips, by split.

    Raises:
        PipelineError: `demo` asks for more different objects in a picture than it has categories.
    """
    most = max(sounding + mute * demo.silent_objects for sounding, mute in _COUNTS[demo.setting])
    if demo.categories < most:
        raise PipelineError(
            f"demo.categories: {demo.categories} is too few for the {most} different objects that a picture "
            f"of demo.setting {demo.setting} can show; set it to {most} or more."
        )
    counts = dict(zip(SPLITS, (demo.train, demo.val, demo.test), strict=True))
    return [_plan(demo, split, number) for split in SPLITS for number in range(counts[split])]


def _plan(demo: Demo, split: str, number: int) -> DemoClip:
    key = (demo.seed, SPLITS.index(split), number)
    rng = np.random.default_rng((*key, DemoStream.NAME))
    names, block = ORDER[: demo.categories], number // demo.categories
    counts = _COUNTS[demo.setting]
    sounding, mute = counts[block % len(counts)]
    steps = _partners(demo, split, block)[: sounding - 1 + mute * demo.silent_objects]
    objects = tuple(names[(number + step) % demo.categories] for step in (0, *steps))
    start = int(rng.integers(0, 6))
    return DemoClip(
        name=f"{_video_id(rng)}_{start}_{start + SECONDS}",
        split=split,
        start=start,
        sounding=objects[:sounding],
        silent=objects[sounding:],
        width=demo.width,
        height=demo.height,
        key=key,
    )


def _partners(demo: Demo, split: str, block: int) -> list[int]:
    """Distances, along the list of categories, from a clip's first object to its other ones.

    S4 goes through all distances, each followed by its mirror image: of a pair of categories in view each is
    the sounding one equally often. MS3 draws them at random.
    """
    others = demo.categories - 1
    if demo.setting == "ms3":
        rng = np.random.default_rng((demo.seed, SPLITS.index(split), block, DemoStream.PARTNERS))
        return [int(step) + 1 for step in rng.permutation(others)]
    turn = block % others
    return [turn // 2 + 1 if turn % 2 == 0 else demo.categories - (turn // 2 + 1)]


def _video_id(rng: np.random.Generator) -> str:
    """An ID of eleven letters like YouTube's; some begin with a dash, like a command-line option."""
    letters = "".join(rng.choice(list(_ID_LETTERS), 10))
    return ("-" if rng.random() < _DASH_SHARE else str(rng.choice(list(string.ascii_letters)))) + letters


def write_demo(root: Path, demo: Demo, *, workers: Workers = ALL_CORES) -> None:
    """Write the demo data set, atomically: videos, metadata, masks, boxes.

    Args:
        root: folder to write; gets `Single-source/` (or `Multi-sources/` for `demo.setting: ms3`) and
            `labels/`.
        demo: the section `demo` of params.yaml.
        workers: processes that share the clips; the files do not depend on them.

    Raises:
        PipelineError: `demo` asks for more different objects in a picture than it has categories.
    """
    clips = plan_clips(demo)
    with atomic_folder(root) as folder:
        write = functools.partial(_write, demo.setting, folder)
        workers.map(write, clips, "demo clips")
        if demo.setting == "ms3":
            names = [(clip.name, clip.split) for clip in clips]
            _write_csv(folder / "Multi-sources/ms3_meta_data.csv", ("name", "split"), names)
        else:
            rows = [(clip.name, clip.start, clip.sounding[0], clip.split) for clip in clips]
            header = ("name", "start", "category", "split")
            _write_csv(folder / "Single-source/s4_meta_data.csv", header, rows)
        if demo.silent_objects:
            pairs = [(clip.name, "+".join(clip.silent)) for clip in clips]
            _write_csv(folder / _DATA[demo.setting] / "silent_meta_data.csv", ("name", "category"), pairs)


def _write(setting: str, root: Path, clip: DemoClip) -> None:
    write_clip(clip, files_of(setting, root, clip))


def files_of(setting: str, root: Path, clip: DemoClip) -> DemoFiles:
    """Where a clip's files are under the data set's root."""
    data, training, single = root / _DATA[setting], clip.split == "train", setting == "s4"
    inside = Path(clip.split, clip.sounding[0]) if single else Path(clip.split)
    video = Path("raw_videos") / inside if single else Path("raw_videos")
    labels = root / "labels" / (clip.sounding[0] if single else "") / clip.name
    return DemoFiles(
        video=data / video / f"{clip.name}.mp4",
        masks=data / "gt_masks" / inside / clip.name,
        labels=labels if training else None,
        silent_masks=data / "silent_masks" / inside / clip.name if clip.silent else None,
        silent_sound=data / "silent_wav" / inside / f"{clip.name}.wav" if clip.silent else None,
        first_mask_only=training and single,
    )


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
