"""The 23 categories of AVSBench S4, exactly as its folders spell them."""

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
