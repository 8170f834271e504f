"""Is the data whole? Clips, frames, sounds, masks and boxes are counted before any stage runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.config.params import Params
from pipeline.data.catalog import find_clips
from pipeline.data.categories import FRAMES, SPLITS
from pipeline.data.clip import Clip
from pipeline.data.readers import ms3
from pipeline.labels.voc.label_index import place_files
from pipeline.labels.voc.label_paths import ClipInfo, Frame, image_id
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
        """Whether all is there and nothing else is wrong."""
        return self.found == self.expected and not self.missing


def check_data(params: Params) -> list[Count]:
    """Count what `data.source` and `labels.dir` hold against what they should; seconds for the full data.

    The demo is compared with its own sizes in params, AVSBench with the published ones. Raises
    `PipelineError` if the demo is not made yet, or the metadata table itself is missing or wrong.
    """
    data = params.data
    if data.source == "demo" and not data.root.exists():
        raise PipelineError(f"{data.root}: the demo is not made yet; run `dvc repro demo`.")
    found = find_clips(data.source, data.root, data.prefer)
    source = data.source
    if source == "demo":
        sizes: Mapping[str, int] = {split: getattr(params.demo, split) for split in SPLITS}
        source = "ms3" if (data.root / ms3.TABLE).is_file() else "s4"
    else:
        sizes = PUBLISHED[source]
    listed = Counter(clip.split for clip in found.clips)
    labelled = {split: 1 if source == "s4" and split == "train" else FRAMES for split in SPLITS}
    counts = [Count(f"clips, {split}", listed[split], sizes[split]) for split in SPLITS]
    counts.append(Count("clips", len(found.clips), sum(sizes.values())))
    for kind, what in (("picture", "clips with video or frames"), ("sound", "clips with sound")):
        missing = [f"{problem.clip}: {problem.text}" for problem in found.problems if problem.kind == kind]
        counts.append(Count(what, len(found.clips) - len(missing), len(found.clips), missing))
    for split in SPLITS:
        names = {clip.name for clip in found.clips if clip.split == split}
        wrong = [problem for problem in found.problems if problem.kind == "mask" and problem.clip in names]
        absent = sum(problem.text.startswith("no mask") for problem in wrong)
        expected = len(names) * labelled[split]
        lines = [f"{problem.clip}: {problem.text}" for problem in wrong]
        counts.append(Count(f"masks, {split}", expected - absent, expected, lines))
    return [*counts, *_boxes(found.clips, params.labels.dir, one_each=source == "s4")]


def _boxes(clips: list[Clip], labels: Path, one_each: bool) -> list[Count]:
    """Frames of the train clips with a label, and for S4, whose frames have one each, the boxes.

    Files are found and read as the `boxes` stage does. A label without a box is an answer, not a lack: the
    object is not visible.
    """
    placed = place_files(labels, {clip.name: ClipInfo(clip.category, clip.split) for clip in clips})
    notes = [f"{labels / source}: {detail}" for source, _, detail in placed.problems]
    wanted = [Frame(clip.name, k) for clip in clips if clip.split == "train" for k in range(1, FRAMES + 1)]
    sources = [placed.files[frame] for frame in wanted if frame in placed.files]
    if not sources and not one_each:  # no boxes of MS3 are published, and the baseline needs none
        return [Count("frames with a label", 0, 0, notes=notes)] if notes else []
    wrong = [f"no {image_id(frame)}.xml under {labels}" for frame in wanted if frame not in placed.files]
    boxes: dict[Path, int] = {}
    for source, read in zip(sources, read_many(labels, sources), strict=True):
        if isinstance(read, UnreadableLabelError):
            wrong.append(str(read))
        else:
            boxes[labels / source] = len(read.boxes)
    unseen = [f"{path}: no box: the object is not visible there" for path in boxes if not boxes[path]]
    counts = [Count("frames with a label", len(boxes), len(wanted), wrong, notes + unseen)]
    if one_each:
        several = [f"{path}: {number} boxes" for path, number in boxes.items() if number > 1]
        counts.append(Count("boxes", sum(boxes.values()), len(boxes) - len(unseen), several))
    return counts
