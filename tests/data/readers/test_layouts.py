"""S4 and MS3 as distributed, with the traps of the real data."""

from __future__ import annotations

import pickle
import unicodedata
from pathlib import Path

import pytest

from pipeline.data.catalog import build_catalog
from pipeline.data.readers.ms3 import read_ms3
from pipeline.data.readers.s4 import read_s4
from pipeline.utils.errors import PipelineError
from tests.helpers.trees import (
    Row,
    add_s4_frames,
    add_s4_masks,
    bars,
    s4_data,
    square,
    tone,
    write_image,
    write_s4_table,
    write_sound,
)

TRAIN: Row = ("-dash_0_5000", 0, "cat_meowing", "train")
VAL: Row = ("val clip", 6, "horse_clip-clop", "val")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two clips with frames, sound and masks; the first also with a (never opened) video."""
    write_s4_table(tmp_path, [VAL, TRAIN])
    for row in (TRAIN, VAL):
        add_s4_frames(tmp_path, row)
        add_s4_masks(tmp_path, row)
    video = s4_data(tmp_path, "raw_videos", TRAIN) / f"{TRAIN[0]}.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    return tmp_path


def test_videos_are_preferred_where_both_exist(tree: Path) -> None:
    catalog = build_catalog("s4", tree, "videos")
    assert catalog["name"].tolist() == [
        "-dash_0_5000",
        "val clip",
    ]  # train before val, whatever the table's order
    train, val = catalog.to_dict("records")
    assert train["video"].endswith("raw_videos/train/cat_meowing/-dash_0_5000.mp4")
    assert train["frames"] is None
    assert train["audio"] is None
    assert val["video"] is None
    assert val["frames"][4].endswith("visual_frames/val/horse_clip-clop/val clip/val clip_5.png")
    assert val["audio"].endswith("audio_wav/val/horse_clip-clop/val clip.wav")
    assert val["start"] == 6


def test_frames_are_preferred_where_asked(tree: Path) -> None:
    train = build_catalog("s4", tree, "frames").iloc[0]
    assert train["frames"][0].endswith("-dash_0_5000_1.png")
    assert train["audio"].endswith("-dash_0_5000.wav")


def test_train_has_one_mask_and_val_five(tree: Path) -> None:
    train, val = build_catalog("s4", tree)["masks"]
    assert train[0].endswith("gt_masks/train/cat_meowing/-dash_0_5000/-dash_0_5000_1.png")
    assert train[1:] == [None] * 4
    assert all(val)


def test_a_fifth_frame_may_be_absent_of_a_late_clip_and_no_other(tree: Path) -> None:
    frames = s4_data(tree, "visual_frames", VAL) / VAL[0]
    (frames / "val clip_5.png").unlink()
    assert build_catalog("s4", tree).iloc[1]["frames"][3:] == [str(frames / "val clip_4.png"), None]
    (frames / "val clip_4.png").unlink()
    with pytest.raises(PipelineError, match=r"val clip: no video .*val clip\.mp4 and no val clip_4\.png in"):
        build_catalog("s4", tree)


def test_a_lost_fifth_frame_is_read_from_the_video_or_named(tree: Path) -> None:
    (s4_data(tree, "visual_frames", TRAIN) / TRAIN[0] / f"{TRAIN[0]}_5.png").unlink()
    train = build_catalog("s4", tree, "frames").iloc[0]
    assert train["frames"] is None and train["video"].endswith(f"{TRAIN[0]}.mp4")
    assert train["audio"].endswith(f"{TRAIN[0]}.wav")
    (s4_data(tree, "raw_videos", TRAIN) / f"{TRAIN[0]}.mp4").unlink()
    (problem,) = read_s4(tree, "frames").problems
    assert (problem.kind, problem.clip) == ("picture", TRAIN[0])
    assert f"no {TRAIN[0]}_5.png in " in problem.text


def test_everything_missing_is_named_at_once(tree: Path) -> None:
    (s4_data(tree, "audio_wav", VAL) / "val clip.wav").unlink()
    (s4_data(tree, "gt_masks", VAL) / VAL[0] / "val clip_3.png").unlink()
    (s4_data(tree, "gt_masks", TRAIN) / TRAIN[0] / f"{TRAIN[0]}_1.png").unlink()
    with pytest.raises(PipelineError) as error:
        build_catalog("s4", tree)
    text = str(error.value)
    assert "2 of 2 clips are not complete" in text
    for missing in ("no sound", "val clip_3.png", "-dash_0_5000_1.png", "avs doctor data"):
        assert missing in text


def test_missing_things_are_named_twenty_at_most(tmp_path: Path) -> None:
    write_s4_table(tmp_path, [(f"clip{number}", 0, "cat_meowing", "train") for number in range(10)])
    with pytest.raises(PipelineError) as error:
        build_catalog("s4", tmp_path)
    assert len(str(error.value).splitlines()) == 22
    assert "... and 10 more" in str(error.value)  # 10 clips without picture, sound and mask


def test_masks_beyond_the_expected_are_refused(tree: Path) -> None:
    write_image(s4_data(tree, "gt_masks", TRAIN) / TRAIN[0] / f"{TRAIN[0]}_2.png", square())
    with pytest.raises(PipelineError, match=r"masks are for frame 1 only; move away -dash_0_5000_2\.png"):
        build_catalog("s4", tree)


def test_pickled_logmels_are_not_opened(tree: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tree / "exploded",))

    path = s4_data(tree, "audio_log_mel", TRAIN) / f"{TRAIN[0]}.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(Bomb()))
    for prefer in ("videos", "frames"):
        catalog = build_catalog("s4", tree, prefer)
        assert ".pkl" not in catalog.to_json()
    assert not (tree / "exploded").exists()
    pickle.loads(path.read_bytes())  # the bomb is real
    assert (tree / "exploded").exists()


def test_silent_objects_are_picked_up(tree: Path) -> None:
    data = tree / "Single-source" / "s4_data"
    (data / "silent_meta_data.csv").write_text(f"name,category\n{VAL[0]},race_car\n")
    write_image(s4_data(tree, "silent_masks", VAL) / VAL[0] / "val clip_2.png", square())
    write_sound(s4_data(tree, "silent_wav", VAL) / "val clip.wav", tone(5, 16_000))
    train, val = read_s4(tree).clips[1], read_s4(tree).clips[0]
    assert (train.silent_category, train.silent_masks, train.silent_audio) == (None, None, None)
    assert val.silent_category == "race_car"
    assert [path is None for path in val.silent_masks or []] == [True, False, True, True, True]
    assert val.silent_audio is not None


def test_wrong_root_says_which_folder_is_meant(tree: Path) -> None:
    with pytest.raises(PipelineError, match=r"data\.root must be the folder that holds Single-source/"):
        build_catalog("s4", tree / "Single-source")


@pytest.fixture
def multi(tmp_path: Path) -> Path:
    """Two MS3 clips with distributed frames in the odd spelling."""
    table = tmp_path / "Multi-sources" / "ms3_meta_data.csv"
    table.parent.mkdir(parents=True)
    table.write_text("video_id,split\n-m1,train\nm2,test\n")
    data = table.parent / "ms3_data"
    for name, split in (("-m1", "train"), ("m2", "test")):
        for k in range(1, 6):
            write_image(data / "visual_frames" / name / f"{name}.mp4_{k}.png", bars(k, 224, 224))
            write_image(data / "gt_masks" / split / name / f"{name}_{k}.png", square())
        write_sound(data / "audio_wav" / split / f"{name}.wav", tone(5, 16_000))
    return tmp_path


def test_ms3_layout(multi: Path) -> None:
    catalog = build_catalog("ms3", multi)
    assert catalog["category"].tolist() == ["", ""]
    assert catalog["split"].tolist() == ["train", "test"]
    first = catalog.iloc[0]
    assert first["frames"][4].endswith("visual_frames/-m1/-m1.mp4_5.png")
    assert first["masks"][4].endswith("gt_masks/train/-m1/-m1_5.png")  # all five in every split
    assert first["audio"].endswith("audio_wav/train/-m1.wav")
    video = multi / "Multi-sources" / "ms3_data" / "raw_videos" / "-m1.mp4"
    video.parent.mkdir()
    video.touch()
    assert read_ms3(multi).clips[0].video == video.as_posix()


def test_ms3_clips_have_all_five_frames(multi: Path) -> None:
    frames = multi / "Multi-sources" / "ms3_data" / "visual_frames"
    (frames / "-m1" / "-m1.mp4_5.png").unlink()
    for path in (frames / "m2").iterdir():  # in the other spelling
        path.rename(path.with_name(path.name.replace(".mp4", "")))
    (problem,) = read_ms3(multi).problems
    assert (problem.kind, problem.clip) == ("picture", "-m1")
    assert "no -m1.mp4_5.png in " in problem.text


def test_demo_world_is_read_by_the_layout_it_has(tree: Path, multi: Path) -> None:
    assert tree == multi  # one folder, both settings: MS3's table decides
    assert build_catalog("demo", multi)["name"].tolist() == ["-m1", "m2"]
    (multi / "Multi-sources" / "ms3_meta_data.csv").unlink()
    assert build_catalog("demo", tree)["name"].tolist() == [TRAIN[0], VAL[0]]


def test_files_that_macos_hides_are_no_masks(tree: Path) -> None:
    """On a disk that is not its own, macOS keeps a file's attributes in `._NAME`."""
    before = build_catalog("s4", tree)
    for path in list(tree.rglob("*.png")):
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07")
    assert build_catalog("s4", tree).equals(before)


@pytest.mark.parametrize(("table", "disk"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
@pytest.mark.parametrize("prefer", ["videos", "frames"])
def test_a_name_is_found_in_either_form(tmp_path: Path, table: str, disk: str, prefer: str) -> None:
    row: Row = (
        unicodedata.normalize(disk, "caf\u00e9"),
        0,
        unicodedata.normalize(disk, "b\u00e9b\u00e9"),
        "test",
    )
    add_s4_frames(tmp_path, row)
    add_s4_masks(tmp_path, row)
    video = s4_data(tmp_path, "raw_videos", row) / f"{row[0]}.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    write_s4_table(tmp_path, [(unicodedata.normalize(table, row[0]), 0, "b\u00e9b\u00e9", "test")])
    clip = build_catalog("s4", tmp_path, prefer).iloc[0]
    assert clip["name"] == "caf\u00e9"
    used = [clip["video"]] if prefer == "videos" else [*clip["frames"], clip["audio"]]
    assert all(Path(path).is_file() for path in [*used, *clip["masks"]])
