from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.data.catalog import (
    COLUMNS,
    check_videos,
    clips_of,
    read_catalog,
    rows_of,
    to_frame,
    write_catalog,
)
from pipeline.data.clip import Clip
from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL
from tests.helpers.trees import write_video


def clip(name: str, split: str = "train", category: str = "cat_meowing", **changes: object) -> Clip:
    masks = ["m1.png", None, None, None, None]
    whole = Clip(name, category, split, 0, f"{name}.mp4", None, None, masks, None, None, None)  # type: ignore[arg-type]
    return whole._replace(**changes)


def test_columns_are_the_agreed_ones() -> None:
    assert ",".join(COLUMNS) == (
        "name,category,split,start,video,audio,frames,masks,silent_category,silent_masks,silent_audio"
    )


def test_clips_are_sorted_by_split_category_name() -> None:
    clips = [
        clip("b", "test"),
        clip("a", "val"),
        clip("b2"),
        clip("-z"),
        clip("c", category="baby_laughter"),
    ]
    assert to_frame(clips)["name"].tolist() == ["c", "-z", "b2", "a", "b"]


def test_rows_of_a_split() -> None:
    table = to_frame([clip("a", "test"), clip("b"), clip("c", "val"), clip("d")])
    assert [rows_of(table, split).tolist() for split in ("train", "val", "test")] == [[0, 1], [2], [3]]


def test_written_is_read_back_with_none_and_lists(tmp_path: Path) -> None:
    frames = ["1.png", "2.png", "3.png", "4.png", None]
    clips = [clip("a"), clip("b", video=None, frames=frames, audio="b.wav", silent_category="race_car")]
    path = tmp_path / "catalog.parquet"
    write_catalog(path, to_frame(clips))
    catalog = read_catalog(path)
    assert clips_of(catalog) == clips
    assert catalog["video"].tolist() == ["a.mp4", None]
    assert isinstance(catalog["masks"][0], list)
    assert pd.read_parquet(path).shape == (2, len(COLUMNS))


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([clip("a"), clip("a", "val")], "a: duplicate clip name"),
        ([clip("a", "dev")], "a: unknown split 'dev'"),
        ([clip("a", category="cats/dogs")], "a: category 'cats/dogs' has a slash"),
        ([clip("a", video=None)], "a: has neither a video nor both frames and sound"),
        ([clip("a", masks=["m.png"])], "a: 1 masks, not 5"),
        ([], "empty"),
    ],
)
def test_what_no_catalogue_may_hold(clips: list[Clip], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        to_frame(clips)


def test_unreadable_catalogues_are_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.parquet"
    with pytest.raises(PipelineError, match=r"catalog\.parquet: no such file; run `dvc repro clips`"):
        read_catalog(path)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(PipelineError, match=r"catalog\.parquet: is not a Parquet table"):
        read_catalog(path)
    pd.DataFrame({"name": ["a"]}).to_parquet(path)
    with pytest.raises(PipelineError, match="columns are"):
        read_catalog(path)


def test_broken_and_mute_videos_are_named_together(tmp_path: Path) -> None:
    write_video(tmp_path / "good.mp4", frames=10)
    write_video(tmp_path / "mute.mp4", frames=10, silent=True)
    (tmp_path / "empty.mp4").touch()
    clips = [clip(name, video=str(tmp_path / f"{name}.mp4")) for name in ("good", "mute", "empty")]
    check_videos(to_frame(clips[:1]), workers=SERIAL)
    with pytest.raises(PipelineError) as error:
        check_videos(to_frame(clips), workers=SERIAL)
    assert "2 of 3 failed" in str(error.value)
    assert "mute.mp4: has no sound" in str(error.value)
    assert "empty.mp4: cannot be opened" in str(error.value)
