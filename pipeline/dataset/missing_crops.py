"""Which crop stands in the place of one that is missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_missing_crops(present: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each frame the clip and the frame whose crop it shows: its own, or else one to stand in.

    Frames without a box have no crop, and no loss looks at them; but all crops of a batch go through the
    encoder's batch norm together, and black ones would move its statistics. In their place stands the clip's
    nearest crop (of two the earlier), and for a clip without any that of the next clip that has some. So what
    a clip shows does not depend on the batch or process that it is in.

    Args:
        present: (C, T), which frames have a crop.

    Returns:
        Clips (C, T) and frames (C, T). Where nothing is present, each frame's own.
    """
    clips, frames = (np.array(index) for index in np.indices(present.shape))
    boxed = np.flatnonzero(present.any(axis=1))
    if not len(boxed):
        return clips, frames
    following = boxed[np.searchsorted(boxed, np.arange(len(present))) % len(boxed)]
    clips = np.broadcast_to(following[:, None], present.shape)
    times = np.arange(present.shape[1])
    distance = np.abs(times[:, None] - times).astype(float)  # (frame, the one that may stand in)
    far = np.where(present[following][:, None, :], distance, np.inf)
    return clips, far.argmin(axis=2)
