"""Scenes: what is seen of each object, and that a picture does not tell which one sounds."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.demo.scene import compose

WIDTH, HEIGHT = 160, 120


def scene(seed: int, *categories: str):
    return compose(categories or ("dog_barking", "helicopter"), WIDTH, HEIGHT, np.random.default_rng(seed))


def test_objects_share_no_pixel_and_the_front_one_is_whole():
    for seed in range(8):
        made = scene(seed)
        for time in (0.0, 2.3, 4.9):
            seen = made.silhouettes(time)
            assert seen.shape == (2, HEIGHT, WIDTH)
            assert seen.sum(axis=0).max() == 1
            front = made.depth[-1]
            window, layer = made.actors[front].placed(time, WIDTH, HEIGHT)
            assert np.array_equal(seen[front][window], layer[..., 3] > 127)


def test_objects_hide_little_of_each_other_and_have_sensible_sizes():
    for seed in range(12):
        made = scene(seed, "horse_clip-clop", "playing_violin", "driving_buses")
        for time in (0.9, 2.9, 4.9):
            for number, mask in enumerate(made.silhouettes(time)):
                _, layer = made.actors[number].placed(time, WIDTH, HEIGHT)
                assert mask.sum() > 0.6 * (layer[..., 3] > 127).sum()
                assert 0.02 < mask.mean() < 0.15


def test_the_picture_differs_where_an_object_moves_and_shows_it_where_its_mask_is():
    made = scene(5)
    bare = type(made)(WIDTH, HEIGHT, made.background, made.pan, (), ())
    changed = (made.picture(1.0) != bare.picture(1.0)).any(axis=-1)
    seen = made.silhouettes(1.0).any(axis=0)
    assert changed[seen].mean() > 0.97
    assert changed[~seen].mean() < 0.05  # soft edges only
    assert (made.silhouettes(1.0) != made.silhouettes(4.0)).any()


@pytest.mark.parametrize("size", [(64, 64), (320, 180), (120, 200)])
def test_any_picture_size(size):
    made = compose(("playing_violin", "race_car"), *size, np.random.default_rng(1))
    assert made.picture(2.0).shape == (size[1], size[0], 3)
    assert made.silhouettes(2.0).any(axis=(1, 2)).all()


def test_size_place_motion_and_depth_do_not_tell_the_first_object_from_the_second():
    facts = []
    for seed in range(150):
        made = scene(seed, "dog_barking", "dog_barking")
        first, second = made.actors
        gap = first.motion.at(1.0) - second.motion.at(1.0)
        swing = first.motion.swing.sum() - second.motion.swing.sum()
        facts.append([*gap, swing, first.sprite.size - second.sprite.size, made.depth[0] - 0.5])
    facts = np.array(facts)
    error = facts.std(axis=0) / np.sqrt(len(facts))
    assert (np.abs(facts.mean(axis=0)) < 3.5 * error).all()
