"""Box rules: what makes a box unfit to train on (an error), and what is only worth a look (a warning).

`avs labels check` and the `boxes` stage share them. A box or file with an *error* is left out of the table
that training reads, and `avs labels check` exits with status 1. A *warning* changes nothing, but a box
that sticks out of its image is clipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Level = Literal["error", "warning"]

TINY_SIDE = 0.02  # of the image's side
TINY_PIXELS = 4  # or fewer pixels a side
WHOLE_IMAGE = 0.98  # of the image's area
JUMP = 0.4  # of the image's diagonal, between the centres in two consecutive frames of a clip
POOR_MASK_IOU = 0.5  # of the box with the mask's own box

KINDS: dict[str, tuple[Level, str]] = {
    # files without a usable box
    "unreadable": ("error", "the file cannot be opened"),
    "too_large": ("error", "the file is too large for an annotation of one frame"),
    "not_xml": ("error", "the file is not XML"),
    "entities": ("error", "the file declares a document type or entities"),
    "not_voc": ("error", "the file is XML of another kind"),
    "too_many_boxes": ("error", "the file holds more boxes than are read"),
    "no_class": ("error", "a box has no class"),
    "bad_number": ("error", "a coordinate is not a number"),
    # files without a frame
    "not_a_frame": ("error", "the file's name gives no clip and frame"),
    "misplaced": ("error", "the file's folder contradicts its clip"),
    "doubled": ("error", "two files label the same frame"),
    "unknown_clip": ("warning", "the clip is not in the catalogue"),
    "not_train": ("warning", "the clip is not of the train split"),
    # boxes
    "no_size": ("error", "the size of the image is missing"),
    "unknown_class": ("error", "the class is none of the categories"),
    "wrong_class": ("error", "the class is not the clip's category"),
    "inverted": ("error", "the corners are swapped"),
    "empty": ("error", "the box has no width or no height"),
    "outside": ("error", "the box is outside its image"),
    "several_boxes": ("error", "a frame of a clip with one sound has several boxes"),
    "off_mask": ("error", "the box does not touch the object in the mask"),
    "misses_mask": ("warning", "the box fits the object in the mask badly"),
    "out_of_image": ("warning", "the box sticks out of its image and is clipped"),
    "tiny": ("warning", "the box is tiny"),
    "whole_image": ("warning", "the box covers the whole image"),
    "jump": ("warning", "the box jumps between two frames of its clip"),
    # frames and masks
    "missing": ("warning", "a frame of a train clip has no label"),
    "bad_mask": ("warning", "the mask cannot be read"),
}

PROBLEM_COLUMNS = ("file", "level", "kind", "detail")


class Finding(NamedTuple):
    """One rule applied to all boxes: which of them break it, and what to say of each."""

    kind: str
    where: NDArray[np.bool_]
    detail: str  # a format string over the box's columns and its clipped width `w` and height `h`


def problems_table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """(file, kind, detail) rows as a table sorted by file and kind."""
    levelled = [(file, KINDS[kind][0], kind, detail) for file, kind, detail in rows]
    return pd.DataFrame(sorted(levelled), columns=list(PROBLEM_COLUMNS), dtype=object)


def judge(boxes: pd.DataFrame, classes: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply the rules to drawn boxes.

    Args:
        boxes: one row a box: name, frame, category, xmin, ymin, xmax, ymax, width, height (of the image; 0
            unknown), source (file), clip_category ("" where any category may sound), and mask_iou (IoU
            with the mask's box; NaN where there is no mask).
        classes: the categories that boxes may have.

    Returns:
        The boxes fit to train on, clipped to their image, in the same order; and the problems.
    """
    clipped = boxes.assign(
        xmin=boxes.xmin.clip(lower=1),
        ymin=boxes.ymin.clip(lower=1),
        xmax=np.minimum(boxes.xmax, boxes.width),
        ymax=np.minimum(boxes.ymax, boxes.height),
    )
    sizes = {"w": clipped.xmax - clipped.xmin + 1, "h": clipped.ymax - clipped.ymin + 1}
    clipped, boxes = clipped.assign(**sizes), boxes.assign(**sizes)
    shapes, sound = _shapes(boxes)
    findings = [*_classes(boxes, classes), *shapes, *_doubts(boxes, sound)]
    fit = ~np.any([one.where for one in findings if KINDS[one.kind][0] == "error"], axis=0)
    extra = _all_but_largest(clipped, fit)
    findings.append(extra)
    usable = clipped[fit & ~extra.where].drop(columns=["w", "h"]).reset_index(drop=True)
    found = [
        (row["source"], one.kind, one.detail.format_map(row))
        for one in findings
        for row in boxes[one.where].to_dict("records")
    ]
    return usable, problems_table([*found, *_jumps(usable)])


def _classes(boxes: pd.DataFrame, classes: Sequence[str]) -> list[Finding]:
    """Boxes whose class is unknown or another than their clip's."""
    known = boxes["category"].isin(classes).to_numpy()
    several = (boxes["clip_category"] == "").to_numpy()
    own = several | (boxes["category"] == boxes["clip_category"]).to_numpy()
    none = "{category!r} is none of the categories"
    return [
        Finding(
            "unknown_class", ~known & ~several, f"{none}, and its clip is {{clip_category}}; fix the class."
        ),
        Finding(
            "unknown_class", ~known & several, f"{none}; choose one of labels/classes.txt, or add it there."
        ),
        Finding(
            "wrong_class", known & ~own, "is {category}, but its clip is {clip_category}; fix the class."
        ),
    ]


def _shapes(boxes: pd.DataFrame) -> tuple[list[Finding], NDArray[np.bool_]]:
    """Boxes that mark no region of their image; and which boxes do mark one."""
    xmin, ymin, xmax, ymax, width, height, w, h = (
        boxes[column].to_numpy(np.int64)
        for column in ("xmin", "ymin", "xmax", "ymax", "width", "height", "w", "h")
    )
    corners, image = "{xmin}, {ymin}, {xmax}, {ymax}", "its image of {width} x {height}"
    sized = (width > 0) & (height > 0)
    inverted = (xmax < xmin) | (ymax < ymin)
    # labelImg counts edges, so that a click without a drag has equal corners
    empty = ~inverted & ((xmax == xmin) | (ymax == ymin))
    sound = sized & ~inverted & ~empty
    outside = sound & ((xmin > width) | (ymin > height) | (xmax < 1) | (ymax < 1))
    sound &= ~outside
    sticks_out = sound & ((xmin < 1) | (ymin < 1) | (xmax > width) | (ymax > height))
    sliver = sticks_out & ((w == 1) | (h == 1))
    return [
        Finding("no_size", ~sized, "does not give its image's size; save it again from labelImg."),
        Finding("inverted", inverted, f"has swapped corners {corners}; draw it again."),
        Finding("empty", empty, f"has no extent: {corners}; draw it again."),
        Finding("outside", outside, f"is outside {image}: {corners}; draw it again."),
        Finding("empty", sliver, f"is nothing in {image}: {corners}; draw it again."),
        Finding("out_of_image", sticks_out & ~sliver, f"sticks out of {image}: {corners}; clipped."),
    ], sound & ~sliver


def _doubts(boxes: pd.DataFrame, sound: NDArray[np.bool_]) -> list[Finding]:
    """Boxes of an unlikely size, or that do not fit the mask."""
    w, h, width, height = (boxes[column].to_numpy(np.int64) for column in ("w", "h", "width", "height"))
    tiny = (w < np.maximum(TINY_PIXELS, TINY_SIDE * width)) | (
        h < np.maximum(TINY_PIXELS, TINY_SIDE * height)
    )
    iou = boxes["mask_iou"].to_numpy(float)
    # where several may sound, the mask shows them all: of several boxes none alone agrees with it
    shared = boxes.duplicated(["name", "frame"], keep=False) & (boxes["clip_category"] == "")
    poor = ~shared.to_numpy() & (iou > 0) & (iou < POOR_MASK_IOU)
    return [
        Finding("tiny", sound & tiny, "is tiny: {w} x {h} pixels of {width} x {height}."),
        Finding("whole_image", sound & (w * h >= WHOLE_IMAGE * width * height), "covers the whole image."),
        Finding("off_mask", sound & (iou == 0), "does not touch the object in the mask; draw it again."),
        Finding("misses_mask", sound & poor, "has IoU {mask_iou:.2f} with the mask's box."),
    ]


def _all_but_largest(clipped: pd.DataFrame, fit: NDArray[np.bool_]) -> Finding:
    """One sound, one box: of several fit ones in a frame, all but the largest."""
    crowd = clipped[fit & (clipped["clip_category"] != "").to_numpy()]
    ranked = crowd.assign(area=crowd.w * crowd.h).sort_values("area", ascending=False, kind="stable")
    where = clipped.index.isin(ranked.index[ranked.duplicated(["name", "frame"])])
    detail = "has another, larger box in this frame; {xmin}, {ymin}, {xmax}, {ymax} is left out."
    return Finding("several_boxes", where, detail)


def _jumps(boxes: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Boxes whose centre moved far since the clip's frame before; clips with one box a frame only."""
    single = boxes[~boxes.duplicated(["name", "frame"], keep=False)].sort_values(["name", "frame"])
    x = (single.xmin + single.xmax) / 2 / single.width
    y = (single.ymin + single.ymax) / 2 / single.height
    follows = (single.name == single.name.shift()) & (single.frame == single.frame.shift() + 1)
    moved = np.hypot(x - x.shift(), y - y.shift()) / np.sqrt(2)
    rows = single.assign(moved=moved)[follows & (moved > JUMP)]
    return [
        (
            row.source,
            "jump",
            f"moved by {row.moved:.0%} of the image since frame {row.frame - 1}; is it the same object?",
        )
        for row in rows.itertuples()
    ]
