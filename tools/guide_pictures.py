"""The pictures of labels/guide.md, drawn with the demo: `python tools/guide_pictures.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pipeline.demo.boxes import tight_box
from pipeline.demo.scene import Scene, compose

FOLDER = Path(__file__).parents[1] / "labels/guide"
WIDTH, HEIGHT = 320, 240
RIGHT, WRONG = (38, 166, 65), (220, 50, 47)  # RGB
Edges = tuple[int, int, int, int]


def scene(categories: tuple[str, ...], seed: int) -> Scene:
    return compose(categories, WIDTH, HEIGHT, np.random.default_rng(seed))


def placed(world: Scene, actor: int, x: float, y: float) -> Scene:
    """The same scene with one object's mean place moved there."""
    moved = world.actors[actor]
    motion = replace(
        moved.motion, mean=np.array([x, y, *moved.motion.mean[2:]]), swing=moved.motion.swing * 0
    )
    actors = list(world.actors)
    actors[actor] = replace(moved, motion=motion)
    return replace(world, actors=tuple(actors))


def edges(world: Scene, actor: int, time: float = 0.9) -> Edges:
    left, top, right, bottom = tight_box(world.silhouettes(time)[actor])
    return left, top, right, bottom


def save(name: str, world: Scene, boxes: list[tuple[Edges, tuple[int, int, int]]], time: float = 0.9) -> None:
    picture = np.ascontiguousarray(world.picture(time))
    for (left, top, right, bottom), colour in boxes:
        cv2.rectangle(picture, (left - 2, top - 2), (right + 1, bottom + 1), colour, 2)
    path = FOLDER / f"{name}.jpg"
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])


def main() -> None:
    pair = scene(("dog_barking", "helicopter"), 3)
    dog = edges(pair, 0)
    save("right", pair, [(dog, RIGHT)])
    left, top, right, bottom = dog
    cut = (left + (right - left) // 3, top, right, bottom)
    loose = (max(3, left - 30), max(3, top - 30), min(WIDTH - 3, right + 30), min(HEIGHT - 3, bottom + 30))
    save("wrong", pair, [(cut, WRONG), (loose, WRONG), (edges(pair, 1), WRONG)])

    behind = replace(scene(("driving_buses", "lions_roaring"), 5), depth=(0, 1))
    behind = placed(placed(behind, 0, 150, 120), 1, 205, 140)
    save("hidden", behind, [(edges(behind, 0), RIGHT)])

    twins = placed(placed(scene(("dog_barking", "dog_barking"), 8), 0, 90, 130), 1, 235, 125)
    save("two", twins, [(edges(twins, 0), RIGHT)])

    save("unseen", scene(("playing_piano",), 4), [])


if __name__ == "__main__":
    main()
