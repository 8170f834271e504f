"""The demo world on disk: layout, streams, masks, boxes, balance, and one seed, one world."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile

from pipeline.config.params import Demo
from pipeline.data.catalog import find_clips, to_frame
from pipeline.data.readers.s4 import CATEGORIES
from pipeline.data.sound import read_mono
from pipeline.data.video import frame_indices, read_frames
from pipeline.demo.boxes import tight_box
from pipeline.demo.clip import DemoClip, scene_of, true_masks
from pipeline.demo.dataset import ORDER, files_of, plan_clips, write_demo
from pipeline.labels.voc.voc_xml import read_voc
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL, Workers

SMALL = Demo(categories=3, train=3, val=2, test=1, width=96, height=64, seed=7)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("s4") / "world"
    write_demo(root, SMALL, workers=SERIAL)
    return root


def picked(clip: DemoClip) -> list[int]:
    return frame_indices(float(clip.fps), clip.frames)


def read_mask(path: Path) -> np.ndarray:
    mask = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert mask.ndim == 2
    assert set(np.unique(mask)) == {0, 255}
    return mask > 0


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_order_holds_every_category_once():
    assert sorted(ORDER) == list(CATEGORIES)


def test_s4_layout_is_complete_and_holds_nothing_else(world):
    expected = {"Single-source/s4_meta_data.csv", "Single-source/s4_data/silent_meta_data.csv"}
    for clip in plan_clips(SMALL):
        data, inside = "Single-source/s4_data", f"{clip.split}/{clip.sounding[0]}"
        name = clip.name
        expected |= {f"{data}/raw_videos/{inside}/{name}.mp4", f"{data}/silent_wav/{inside}/{name}.wav"}
        for k in range(1, 6):
            expected.add(f"{data}/silent_masks/{inside}/{name}/{name}_{k}.png")
            if k == 1 or clip.split != "train":
                expected.add(f"{data}/gt_masks/{inside}/{name}/{name}_{k}.png")
            if clip.split == "train":
                expected.add(f"labels/{clip.sounding[0]}/{name}/{name}_{k}.xml")
    assert {path.relative_to(world).as_posix() for path in world.rglob("*") if path.is_file()} == expected


def test_tables_name_the_clips(world):
    clips = plan_clips(SMALL)
    table = rows(world / "Single-source/s4_meta_data.csv")
    assert [(r["name"], int(r["start"]), r["category"], r["split"]) for r in table] == [
        (clip.name, clip.start, clip.sounding[0], clip.split) for clip in clips
    ]
    quiet = rows(world / "Single-source/s4_data/silent_meta_data.csv")
    assert [(r["name"], r["category"]) for r in quiet] == [(clip.name, clip.silent[0]) for clip in clips]


def test_streams_are_what_avsbench_has(world):
    for clip in plan_clips(SMALL):
        with av.open(str(files_of("s4", world, clip).video)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
            assert (video.width, video.height) == (96, 64)
            assert video.average_rate == clip.fps
            assert (audio.rate, audio.channels) == (44_100, 2)
            assert container.duration / av.time_base == pytest.approx(5, abs=0.06)
            assert sum(1 for _ in container.decode(video)) == clip.frames


def test_masks_show_the_object_at_the_frames_that_a_reader_takes(world):
    for clip in plan_clips(SMALL):
        places = files_of("s4", world, clip)
        images = read_frames(places.video)
        assert images.note == ""
        scene = scene_of(clip)
        for k, (frame, image) in enumerate(zip(picked(clip), images.images, strict=True), start=1):
            drawn = [scene.picture(number / float(clip.fps)).astype(int) for number in (frame, frame - 8)]
            error, error_elsewhere = (np.abs(image - picture).mean() for picture in drawn)
            assert error < 6
            assert error < error_elsewhere
            sounding, quiet = true_masks(clip, frame)
            assert np.array_equal(read_mask(places.silent_masks / f"{clip.name}_{k}.png"), quiet[0])
            path = places.masks / f"{clip.name}_{k}.png"
            assert path.exists() == (clip.split != "train" or k == 1)
            if path.exists():
                assert np.array_equal(read_mask(path), sounding[0])


def test_boxes_lie_about_the_object_in_every_frame_of_a_train_clip(world):
    for clip in plan_clips(SMALL)[: SMALL.train]:
        for k, frame in enumerate(picked(clip), start=1):
            note = read_voc(files_of("s4", world, clip).labels / f"{clip.name}_{k}.xml")
            assert (note.width, note.height) == (96, 64)
            (box,) = note.boxes
            assert box.category == clip.sounding[0]
            tight = tight_box(true_masks(clip, frame)[0][0])
            drawn = (box.xmin, box.ymin, box.xmax, box.ymax)
            assert np.abs(np.subtract(drawn, tight)).max() <= 4
            assert 1 <= box.xmin < box.xmax <= 96
            assert 1 <= box.ymin < box.ymax <= 64


def test_sounds_last_and_the_silent_one_can_be_heard_alone(world):
    for clip in plan_clips(SMALL):
        places = files_of("s4", world, clip)
        track = read_mono(places.video)
        assert track.reshape(5, -1).std(axis=1).min() > 0.01
        info = soundfile.info(places.silent_sound)
        assert (info.samplerate, info.channels, info.subtype, info.frames) == (44_100, 1, "PCM_16", 220_500)
        assert soundfile.read(places.silent_sound)[0].reshape(5, -1).std(axis=1).min() > 0.01


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_seed_decides_every_byte_whatever_the_number_of_processes(world, tmp_path):
    write_demo(tmp_path / "again", SMALL, workers=Workers(2))
    assert contents(tmp_path / "again") == contents(world)


def test_a_clip_does_not_depend_on_how_many_there_are():
    fewer, more = (plan_clips(SMALL.model_copy(update={"train": n})) for n in (2, 5))
    assert fewer[:2] == more[:2]
    assert fewer[2:] == more[5:]
    other = plan_clips(SMALL.model_copy(update={"seed": 8}))
    assert not {clip.name for clip in other} & {clip.name for clip in more}


@pytest.mark.parametrize("categories", [2, 6, 23])
def test_every_category_and_every_pair_sounds_as_often_as_it_is_silent(categories):
    blocks = 2 * (categories - 1)
    plan = plan_clips(Demo(categories=categories, train=blocks * categories, val=1, test=1))
    train = [clip for clip in plan if clip.split == "train"]
    assert Counter(c.sounding[0] for c in train) == Counter(c.silent[0] for c in train)
    pairs = Counter((c.sounding[0], c.silent[0]) for c in train)
    assert len(pairs) == categories * (categories - 1)
    assert set(pairs.values()) == {2}


def test_names_look_like_youtubes_and_some_begin_with_a_dash():
    clips = plan_clips(Demo(categories=6, train=400, val=1, test=1))
    names = [clip.name for clip in clips]
    assert len(set(names)) == len(names)
    assert 10 < sum(name.startswith("-") for name in names) < 70
    assert all(clip.name[11:] == f"_{clip.start}_{clip.start + 5}" for clip in clips)
    assert {float(clip.fps) for clip in clips} == {25.0, 30.0, 30_000 / 1_001}


def test_without_silent_objects_the_sounding_one_is_alone(tmp_path):
    demo = SMALL.model_copy(update={"silent_objects": 0, "train": 1, "val": 1, "test": 1})
    write_demo(tmp_path / "alone", demo, workers=SERIAL)
    assert all(clip.silent == () and len(scene_of(clip).actors) == 1 for clip in plan_clips(demo))
    assert not list(tmp_path.rglob("silent_*"))


def test_ms3_masks_are_the_union_of_all_that_sounds(tmp_path):
    demo = Demo(setting="ms3", categories=3, train=4, val=4, test=1, width=96, height=64)
    root = tmp_path / "ms3"
    write_demo(root, demo, workers=SERIAL)
    clips = plan_clips(demo)
    table = rows(root / "Multi-sources/ms3_meta_data.csv")
    assert [(r["name"], r["split"]) for r in table] == [(clip.name, clip.split) for clip in clips]
    for clip in clips:
        data, name = root / "Multi-sources/ms3_data", clip.name
        assert (data / f"raw_videos/{name}.mp4").is_file()
        assert read_mono(data / f"raw_videos/{name}.mp4").std() > 0.01
        for k, frame in enumerate(picked(clip), start=1):
            mask = read_mask(data / f"gt_masks/{clip.split}/{name}/{name}_{k}.png")
            assert np.array_equal(mask, true_masks(clip, frame)[0].any(axis=0))
            labels = root / f"labels/{name}/{name}_{k}.xml"
            assert labels.exists() == (clip.split == "train")
            if labels.exists():
                assert tuple(box.category for box in read_voc(labels).boxes) == clip.sounding


@pytest.mark.parametrize("setting", ["s4", "ms3"])
def test_the_catalogue_reads_what_was_written(tmp_path, setting):
    """So many clips that MS3's pictures with two silent objects are among them."""
    demo = Demo(setting=setting, categories=3, train=9, val=1, test=1, width=96, height=64)
    write_demo(tmp_path / "world", demo, workers=SERIAL)
    table = to_frame(find_clips("demo", tmp_path / "world", "videos").clips)
    planned = {clip.name: "+".join(clip.silent) for clip in plan_clips(demo)}
    assert dict(zip(table["name"], table["silent_category"], strict=True)) == planned
    assert (setting == "ms3") == any("+" in silent for silent in planned.values())


def test_ms3_shows_two_or_three_objects_of_which_one_or_two_sound():
    plan = plan_clips(Demo(setting="ms3", categories=6, train=72, val=1, test=1))
    counts = Counter((len(clip.sounding), len(clip.silent)) for clip in plan)
    assert set(counts) == {(1, 1), (2, 1), (1, 2)}
    assert all(len({*clip.sounding, *clip.silent}) == len(clip.sounding) + len(clip.silent) for clip in plan)
    heard = Counter(category for clip in plan[:72] for category in clip.sounding)
    assert len(set(heard.values())) == 1


def test_too_few_categories_for_the_objects_of_a_picture():
    with pytest.raises(PipelineError, match=r"demo\.categories"):
        plan_clips(Demo(setting="ms3", categories=2, train=1, val=1, test=1))
