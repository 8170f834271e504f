"""Imputation of missing crops, so that black images do not move batch-norm statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_missing_crops(has_box: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each frame, the clip and frame whose crop it shows: its own, or else a substitute.

    Frames without a box have no crop, and no loss reads them; but all crops of a batch go through the
    encoder's batch norm together. The substitute is the clip's nearest crop (the earlier of two), and for a
    clip without any crop those of the next clip that has some. So what a clip shows does not depend on its
    batch or process.

    Args:
        has_box: (C, T) bool.

    Returns:
        Clips (C, T) and frames (C, T). Where there is no crop at all, each frame's own.
    """
    clips, frames = (np.array(index) for index in np.indices(has_box.shape))
    boxed = np.flatnonzero(has_box.any(axis=1))
    if not len(boxed):
        return clips, frames
    following = boxed[np.searchsorted(boxed, np.arange(len(has_box))) % len(boxed)]
    clips = np.broadcast_to(following[:, None], has_box.shape)
    times = np.arange(has_box.shape[1])
    distance = np.abs(times[:, None] - times).astype(float)  # (frame, candidate)
    far = np.where(has_box[following][:, None, :], distance, np.inf)
    return clips, far.argmin(axis=2)
