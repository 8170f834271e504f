"""Random streams: the numbers that keep draws for different purposes apart under the same seed.

A stream is one entry of the sequence that seeds `numpy.random.default_rng`; the other entries say for which
seed, epoch, clip or split it draws. Streams of one enum share their form of sequence, so no two of them may
have the same value. A changed value changes every result, so new streams get new values.
"""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class TrainingStream(IntEnum):
    """Draws of training: `[seed, epoch, row, stream]`, of validation `[row, stream]`."""

    NEGATIVE_AUDIO = 1
    AUGMENT = 2
    VALIDATION_AUDIO = 3


@unique
class AudioStream(IntEnum):
    """Draws of negative audio: `[seed, split, stream]` (and the category after it), `[seed, stream]`."""

    OTHER_CATEGORY = 1
    SAME_CATEGORY = 2
    BANK = 4


@unique
class DemoStream(IntEnum):
    """Draws of the demo: `[seed, split, clip, stream]`, for PARTNERS `[seed, split, block, stream]`."""

    SCENE = 0
    SOUND = 1
    BOXES = 2
    SILENT_SOUND = 3
    FRAME_RATE = 4
    NAME = 5
    PARTNERS = 6
