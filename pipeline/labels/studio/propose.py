"""Proposals from a model's masks: a box for each frame, the least certain first."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from pipeline.data.clip import FRAMES
from pipeline.labels.studio.frame_tasks import FrameTask
from pipeline.labels.studio.proposals import Proposals, Proposed, versioned
from pipeline.labels.voc.label_paths import Frame, image_id
from pipeline.labels.voc.mask_boxes import box_of
from pipeline.labels.voc.voc_xml import Box
from pipeline.utils.errors import PipelineError

THRESHOLD = 0.5
SPECK = 0.1  # parts of a mask smaller than this share of its largest part do not widen the box


def propose(probabilities: Iterable[np.ndarray], frames: Sequence[FrameTask], model: str) -> Proposals:
    """Boxes for frames, from the probability that each pixel belongs to the sounding object.

    The box encloses the mask (probability > 0.5) without specks, in the clip's category. The score is the
    mask's expected IoU if the probabilities are right: sum of p in the mask / (its area + sum of p outside).
    Where the model finds no object it is 0: such frames come first.

    Args:
        probabilities: one map (H, W) a frame, float, 0..1; any size, stretched over the frame. Read one by
            one, so that a model may compute them meanwhile.
        frames: as many frames; those of clips without a category get no proposal.
        model: name for the version shown to annotators; a fingerprint of the boxes is added.
    """
    if frames and not any(shown.category for shown in frames):
        raise PipelineError(
            "clips with several sounds get no proposals: a mask does not show which category it is."
        )
    found: dict[str, Proposed] = {}
    for map_, shown in zip_longest(probabilities, frames):
        if map_ is None or shown is None:
            raise PipelineError(f"there must be one map for each of {len(frames)} frames.")
        if shown.category:
            found[image_id(shown.frame)] = propose_one(map_, shown)
    return versioned(model, found)


def propose_one(probability: np.ndarray, shown: FrameTask) -> Proposed:
    """The proposal for one frame, from its map (H, W) of probabilities."""
    if not _are_probabilities(probability):
        raise PipelineError(f"{image_id(shown.frame)}: its map has values that are not probabilities.")
    mask = without_specks(probability > THRESHOLD)
    edges = box_of(mask)
    if edges is None:
        return Proposed((), 0.0, shown.width, shown.height)
    score = expected_iou(probability, mask)
    return Proposed(
        (Box(shown.category, *_pixels(edges, shown)),), round(score, 6), shown.width, shown.height
    )


def expected_iou(probability: np.ndarray, mask: np.ndarray) -> float:
    """Expected IoU of a mask: E[intersection] / E[union] with an object sampled pixel by pixel.

    Args:
        probability: (H, W) float, of the object at each pixel.
        mask: (H, W) bool.
    """
    inside = float(probability[mask].sum(dtype=np.float64))
    outside = float(probability[~mask].sum(dtype=np.float64))
    return inside / (float(mask.sum()) + outside) if mask.any() else 0.0


def without_specks(mask: np.ndarray) -> np.ndarray:
    """A mask (H, W) bool without its small connected parts (8 neighbours)."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return (areas >= SPECK * areas.max())[parts] & mask


def read_probabilities(
    path: Path, frames: Mapping[Frame, FrameTask]
) -> tuple[np.ndarray, list[FrameTask], int]:
    """Read a .npz file of predictions: `name` (F,) str, `frame` (F,) int 1..5, `probability` (F, H, W) float.

    Args:
        path: of the file.
        frames: that are to be labelled.

    Returns:
        The maps of these frames, their tasks, and how many maps of other frames were left out.

    Raises:
        PipelineError: names the file, and the clip and frame that is wrong.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, numbers, maps = arrays["name"], arrays["frame"], arrays["probability"]
            given = [Frame(*pair) for pair in zip(names.tolist(), numbers.tolist(), strict=True)]
            if maps.ndim != 3 or len(maps) != len(given) or 0 in maps.shape[1:]:
                raise ValueError(f"{maps.shape} maps for {len(given)} frames")
            rows = [row for row, frame in enumerate(given) if frame in frames]
            chosen = maps[rows].astype(np.float32)
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; `avs labels propose --help` describes it.") from None
    except (BadZipFile, EOFError, zlib.error) as error:
        raise PipelineError(f"{path}: is not a whole .npz file ({error}); write it again.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"{path}: needs arrays name, frame and probability ({error}).") from error
    _refuse_miscounted(path, given)
    if not rows:
        raise PipelineError(f"{path}: has none of the frames to be labelled; is it of these clips?")
    shown = [frames[given[row]] for row in rows]
    for map_, one in zip(chosen, shown, strict=True):
        if not _are_probabilities(map_):
            raise PipelineError(
                f"{path}: {_name(one.frame)}: its map has values outside 0..1; write probabilities, "
                "such as the sigmoid of the model's output or grey levels divided by 255."
            )
    return chosen, shown, len(given) - len(rows)


def _refuse_miscounted(path: Path, given: Sequence[Frame]) -> None:
    seen = set()
    for frame in given:
        if frame.number not in range(1, FRAMES + 1):
            raise PipelineError(f"{path}: {_name(frame)}: frames are numbered from 1 to {FRAMES}.")
        if frame in seen:
            raise PipelineError(f"{path}: {_name(frame)} occurs twice; keep one map for each frame.")
        seen.add(frame)


def _name(frame: Frame) -> str:
    return f"clip {frame.name}, frame {frame.number}"


def _are_probabilities(map_: np.ndarray) -> bool:
    return bool(np.isfinite(map_).all() and map_.min() >= 0 and map_.max() <= 1)


def _pixels(edges: tuple[float, float, float, float], shown: FrameTask) -> tuple[int, int, int, int]:
    """Edges as fractions -> VOC pixels (from 1, both ends inside), at least one pixel wide and high."""
    left, top, right, bottom = (
        int(np.floor(edge * side + 0.5))
        for edge, side in zip(edges, (shown.width, shown.height) * 2, strict=True)
    )
    left, top = min(left, shown.width - 1), min(top, shown.height - 1)
    return left + 1, top + 1, max(right, left + 1), max(bottom, top + 1)
