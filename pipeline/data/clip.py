"""One clip of a data set: a row of the catalogue, and what all clips have in common."""

from __future__ import annotations

from typing import NamedTuple

SPLITS: tuple[str, ...] = ("train", "val", "test")
FRAMES = 5  # frames a clip, one a second
PUBLISHED_SIDE = 224  # pixels, of AVSBench's frames and masks and the published networks' input


class Clip(NamedTuple):
    """One clip and the paths of its files; the fields are the catalogue's columns, in order.

    Paths are POSIX strings as joined from `data.root`. `frames` and `audio` are set only where they are to be
    read instead of the video: stages take `frames` before `video`, and `audio` before the video's sound.
    """

    name: str  # unique over all splits
    category: str  # "" where a clip has several (MS3)
    split: str  # train, val or test
    start: int  # second of the original video at which the clip begins
    video: str | None
    audio: str | None  # wav
    frames: list[str | None] | None  # 5 distributed images; the fifth is None for the 4-second clips
    masks: list[str | None]  # 5; None where a frame is not labelled
    silent_category: str | None  # of the visible object that makes no sound, where the data give it
    silent_masks: list[str | None] | None  # 5
    silent_audio: str | None  # the sound that object would make, wav
