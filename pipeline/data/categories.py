"""What AVSBench is made of: S4's 23 categories as its folders spell them, splits, frames and their size."""

from __future__ import annotations

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
SPLITS: tuple[str, ...] = ("train", "val", "test")
FRAMES = 5  # frames a clip, one a second
PUBLISHED_SIDE = 224  # pixels, of its frames and masks, and of what the published networks see
