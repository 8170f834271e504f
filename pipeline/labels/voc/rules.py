"""The rules for boxes: what makes one unfit to train on, and what is only worth a look.

`avs labels check` and the `boxes` stage share them. A box or file with an *error* is left out of the table
that training reads, and `avs labels check` exits with status 1. A *warning* changes nothing, but a box
that sticks out of its image is clipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.data.categories import CATEGORIES

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Limits:
    """Where a rule begins to speak."""

    tiny_side: float = 0.02  # of the image's side
    tiny_pixels: int = 4  # or fewer pixels a side
    whole_image: float = 0.98  # of the image's area
    jump: float = 0.4  # of the image's diagonal, between the centres in two frames of a clip that follow
    mask_iou: float = 0.5  # of the box with the mask's own box


KINDS: dict[str, tuple[Level, str]] = {
    # files that give nothing
    "unreadable": ("error", "the file cannot be opened"),
    "too_large": ("error", "the file is too large for an annotation of one frame"),
    "not_xml": ("error", "the file is not XML"),
    "entities": ("error", "the file declares a document type or entities"),
    "not_voc": ("error", "the file is XML of another kind"),
    "too_many_boxes": ("error", "the file holds more boxes than are read"),
    "no_class": ("error", "a box has no class"),
    "bad_number": ("error", "a coordinate is not a number"),
    # files without a frame
    "not_a_frame": ("error", "the file's name tells no clip and frame"),
    "misplaced": ("error", "the file's folder contradicts its clip"),
    "doubled": ("error", "two files label one frame"),
    "unknown_clip": ("warning", "the clip is not in the catalogue"),
    "not_train": ("warning", "the clip is not of the train split"),
    # boxes
    "no_size": ("error", "the size of the image is not told"),
    "unknown_class": ("error", "the class is none of the categories"),
    "wrong_class": ("error", "the class is not the clip's category"),
    "inverted": ("error", "the corners are exchanged"),
    "empty": ("error", "the box has no width or no height"),
    "outside": ("error", "the box lies outside its image"),
    "several_boxes": ("error", "a frame of a clip with one sound has several boxes"),
    "off_mask": ("error", "the box does not touch the object in the mask"),
    "misses_mask": ("warning", "the box agrees badly with the object in the mask"),
    "out_of_image": ("warning", "the box sticks out of its image and is clipped"),
    "tiny": ("warning", "the box is tiny"),
    "whole_image": ("warning", "the box covers the whole image"),
    "jump": ("warning", "the box jumps between two frames of its clip"),
    # frames and masks
    "missing": ("warning", "a frame of a train clip has no label"),
    "bad_mask": ("warning", "the mask cannot be read"),
}

PROBLEM_COLUMNS = ("file", "level", "kind", "detail")


def problems_table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """(file, kind, detail) rows as a table sorted by file and kind."""
    levelled = [(file, KINDS[kind][0], kind, detail) for file, kind, detail in rows]
    return pd.DataFrame(sorted(levelled), columns=list(PROBLEM_COLUMNS), dtype=object)


def judge(boxes: pd.DataFrame, limits: Limits = Limits()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply the rules to drawn boxes.

    Args:
        boxes: one row a box: name, frame, category, xmin, ymin, xmax, ymax, width, height (of the image; 0
            unknown), source (file), clip_category ("" where any category may sound), and mask_iou (IoU
            with the mask's box; NaN where there is no mask).

    Returns: the boxes fit to train on, clipped to their image, in the same order; and the problems.
    """
    found: list[tuple[str, str, str]] = []
    fit = np.ones(len(boxes), dtype=bool)
    xmin, ymin, xmax, ymax, width, height = (
        boxes[column].to_numpy(np.int64) for column in ("xmin", "ymin", "xmax", "ymax", "width", "height")
    )
    fits = boxes.assign(
        xmin=np.maximum(xmin, 1),
        ymin=np.maximum(ymin, 1),
        xmax=np.minimum(xmax, width),
        ymax=np.minimum(ymax, height),
    )
    w, h = (fits.xmax - fits.xmin + 1).to_numpy(), (fits.ymax - fits.ymin + 1).to_numpy()
    told = boxes.assign(w=w, h=h)

    def report(kind: str, where: np.ndarray, detail: str) -> None:
        rows = told[where].to_dict("records")
        found.extend((row["source"], kind, detail.format_map(row)) for row in rows)
        if KINDS[kind][0] == "error":
            fit[where] = False

    known = boxes["category"].isin(CATEGORIES).to_numpy()
    own = (boxes["clip_category"] == "").to_numpy() | (boxes["category"] == boxes["clip_category"]).to_numpy()
    sized = (width > 0) & (height > 0)
    corners = "{xmin}, {ymin}, {xmax}, {ymax}"
    report(
        "unknown_class", ~known, "{category!r} is none of the categories; choose one of labels/classes.txt."
    )
    report("wrong_class", known & ~own, "is {category}, but its clip is {clip_category}; mend the class.")
    report("no_size", ~sized, "does not tell its image's size; save it again from labelImg.")
    inverted = (xmax < xmin) | (ymax < ymin)
    report("inverted", inverted, f"has exchanged corners {corners}; draw it again.")
    # labelImg counts edges, so that a click without a drag has equal corners
    empty = ~inverted & ((xmax == xmin) | (ymax == ymin))
    report("empty", empty, f"has no extent: {corners}; draw it again.")
    drawn = sized & ~inverted & ~empty
    outside = drawn & ((xmin > width) | (ymin > height) | (xmax < 1) | (ymax < 1))
    report("outside", outside, f"lies outside its image of {{width}} x {{height}}: {corners}; draw it again.")
    drawn &= ~outside
    sticks = drawn & ((xmin < 1) | (ymin < 1) | (xmax > width) | (ymax > height))
    sliver = sticks & ((w == 1) | (h == 1))
    report("empty", sliver, f"is nothing in its image of {{width}} x {{height}}: {corners}; draw it again.")
    drawn &= ~sliver
    report(
        "out_of_image",
        sticks & ~sliver,
        f"sticks out of its image of {{width}} x {{height}}: {corners}; clipped.",
    )
    small = (w < np.maximum(limits.tiny_pixels, limits.tiny_side * width)) | (
        h < np.maximum(limits.tiny_pixels, limits.tiny_side * height)
    )
    report("tiny", drawn & small, "is tiny: {w} x {h} pixels of {width} x {height}.")
    whole = drawn & (w * h >= limits.whole_image * width * height)
    report("whole_image", whole, "covers the whole image.")
    mask_iou = boxes["mask_iou"].to_numpy(float)
    report("off_mask", drawn & (mask_iou == 0), "does not touch the object in the mask; draw it again.")
    # where several may sound, the mask shows them all: of several boxes none alone agrees with it
    shared = boxes.duplicated(["name", "frame"], keep=False) & (boxes["clip_category"] == "")
    poor = drawn & ~shared.to_numpy() & (mask_iou > 0) & (mask_iou < limits.mask_iou)
    report("misses_mask", poor, "agrees with the mask's box only by IoU {mask_iou:.2f}.")

    # one sound, one box: of several fit ones the largest is kept, and people are told
    crowd = fits[fit & (boxes["clip_category"] != "").to_numpy()].assign(
        area=lambda f: (f.xmax - f.xmin + 1) * (f.ymax - f.ymin + 1)
    )
    ranked = crowd.sort_values("area", ascending=False, kind="stable")
    extra = np.zeros(len(boxes), dtype=bool)
    extra[boxes.index.get_indexer(ranked.index[ranked.duplicated(["name", "frame"])])] = True
    report("several_boxes", extra, f"has another, larger box in this frame; {corners} is left out.")

    usable = fits[fit].reset_index(drop=True)
    found += _jumps(usable, limits)
    return usable, problems_table(found)


def _jumps(boxes: pd.DataFrame, limits: Limits) -> list[tuple[str, str, str]]:
    """Boxes whose centre moved far since the clip's frame before; clips with one box a frame only."""
    single = boxes[~boxes.duplicated(["name", "frame"], keep=False)].sort_values(["name", "frame"])
    x = (single.xmin + single.xmax) / 2 / single.width
    y = (single.ymin + single.ymax) / 2 / single.height
    follows = (single.name == single.name.shift()) & (single.frame == single.frame.shift() + 1)
    moved = np.hypot(x - x.shift(), y - y.shift()) / np.sqrt(2)
    rows = single.assign(moved=moved)[follows & (moved > limits.jump)]
    return [
        (
            row.source,
            "jump",
            f"moved by {row.moved:.0%} of the image since frame {row.frame - 1}; is it the same object?",
        )
        for row in rows.itertuples()
    ]
