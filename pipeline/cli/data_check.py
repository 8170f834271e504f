"""Data check: clips, frames, sounds, masks and boxes are counted before any stage runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.config.params import Demo, Params
from pipeline.data.catalog import find_clips
from pipeline.data.clip import FRAMES, SPLITS, Clip
from pipeline.data.readers import ms3, s4
from pipeline.data.readers.assemble import Found
from pipeline.labels.voc.label_index import index_labels
from pipeline.labels.voc.label_paths import Frame, image_id
from pipeline.labels.voc.voc_xml import UnreadableLabelError, read_many
from pipeline.utils.errors import PipelineError

# clips a split in AVSBench-object; S4 comes to 4,932 and its train split to 17,260 boxed frames, MS3 to 424
PUBLISHED: Mapping[str, Mapping[str, int]] = {
    "s4": {"train": 3452, "val": 740, "test": 740},
    "ms3": {"train": 296, "val": 64, "test": 64},
}


@dataclass(frozen=True)
class Count:
    """One line of the report: how many of a thing there are, and how many there should be."""

    what: str
    found: int
    expected: int
    missing: list[str] = field(default_factory=list)  # what is missing or wrong, one line each
    notes: list[str] = field(default_factory=list)  # what is worth knowing and not wrong

    @property
    def good(self) -> bool:
        """Whether the number is right and nothing is missing or wrong."""
        return self.found == self.expected and not self.missing


def check_data(params: Params) -> list[Count]:
    """Count what `data.source` and `labels.dir` hold against what they should; seconds for the full data.

    The demo is compared with its sizes in params, and S4 with the published ones if it has its categories.
    Other data, and MS3, whose clips have no category to recognise it by, have as many clips as their table
    lists.

    Args:
        params: `data`, `labels` and `demo` are read.

    Raises:
        PipelineError: the demo is not made yet, or the metadata table is missing or wrong.
    """
    data = params.data
    if data.source == "demo" and not data.root.exists():
        raise PipelineError(f"{data.root}: the demo is not made yet; run `dvc repro demo`.")
    found = find_clips(data.source, data.root, data.prefer)
    single = data.source == "s4" or (data.source == "demo" and not (data.root / ms3.TABLE).is_file())
    return [
        *_clips(found.clips, data.source, params.demo),
        *_media(found),
        *_masks(found, single),
        *_boxes(found.clips, params.labels.dir, single),
    ]


def _clips(clips: list[Clip], source: str, demo: Demo) -> list[Count]:
    """Clips of each split and all of them."""
    listed = Counter(clip.split for clip in clips)
    own = {split: listed[split] for split in SPLITS}
    notes = []
    if source == "demo":
        sizes = {split: int(getattr(demo, split)) for split in SPLITS}
    elif source == "s4" and {clip.category for clip in clips} == set(s4.CATEGORIES):
        sizes = dict(PUBLISHED["s4"])
    else:
        sizes = own
    if sizes == own != PUBLISHED.get(source, own):
        published = ", ".join(f"{number:,} {split}" for split, number in PUBLISHED[source].items())
        notes.append(f"not as many as AVSBench's {source.upper()}, which has {published}")
    counts = [Count(f"clips, {split}", listed[split], sizes[split]) for split in SPLITS]
    return [*counts, Count("clips", len(clips), sum(sizes.values()), notes=notes)]


def _media(found: Found) -> list[Count]:
    """Clips with frames and with sound."""
    counts = []
    for kind, what in (("picture", "clips with video or frames"), ("sound", "clips with sound")):
        missing = [f"{problem.clip}: {problem.text}" for problem in found.problems if problem.kind == kind]
        counts.append(Count(what, len(found.clips) - len(missing), len(found.clips), missing))
    return counts


def _masks(found: Found, single: bool) -> list[Count]:
    """Masks of each split: all frames of a clip have one, but in S4's train split only the first."""
    counts = []
    for split in SPLITS:
        names = {clip.name for clip in found.clips if clip.split == split}
        wrong = [problem for problem in found.problems if problem.kind == "mask" and problem.clip in names]
        absent = sum(problem.text.startswith("no mask") for problem in wrong)
        expected = len(names) * (1 if single and split == "train" else FRAMES)
        lines = [f"{problem.clip}: {problem.text}" for problem in wrong]
        counts.append(Count(f"masks, {split}", expected - absent, expected, lines))
    return counts


def _boxes(clips: list[Clip], labels: Path, single: bool) -> list[Count]:
    """Labelled frames of the train clips, and for S4, whose frames have one box each, the boxes.

    Files are found and read as the `boxes` stage does. A label without a box is complete: it says that the
    object is not visible.
    """
    index = index_labels(labels, {clip.name: clip for clip in clips})
    notes = [f"{labels / source}: {detail}" for source, _, detail in index.problems]
    wanted = [Frame(clip.name, k) for clip in clips if clip.split == "train" for k in range(1, FRAMES + 1)]
    sources = [index.files[frame] for frame in wanted if frame in index.files]
    if not sources and not single:  # no boxes of MS3 are published, and the baseline needs none
        return [Count("frames with a label", 0, 0, notes=notes)] if notes else []
    wrong = [f"no {image_id(frame)}.xml under {labels}" for frame in wanted if frame not in index.files]
    boxes: dict[Path, int] = {}
    for source, read in zip(sources, read_many(labels, sources), strict=True):
        if isinstance(read, UnreadableLabelError):
            wrong.append(str(read))
        else:
            boxes[labels / source] = len(read.boxes)
    unseen = [f"{path}: no box: the object is not visible there" for path in boxes if not boxes[path]]
    counts = [Count("frames with a label", len(boxes), len(wanted), wrong, notes + unseen)]
    if single:
        several = [f"{path}: {number} boxes" for path, number in boxes.items() if number > 1]
        counts.append(Count("boxes", sum(boxes.values()), len(boxes) - len(unseen), several))
    return counts
