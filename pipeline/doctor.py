"""Is the data whole? Clips, frames, sounds, masks and boxes are counted before any stage runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.catalog import find_clips
from pipeline.categories import FRAMES, SPLITS
from pipeline.clip import Clip
from pipeline.params import Params
from pipeline.readers import ms3

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

    @property
    def good(self) -> bool:
        """Whether all is there and nothing else is wrong."""
        return self.found == self.expected and not self.missing


def check_data(params: Params) -> list[Count]:
    """Count what `data.source` and `labels.dir` hold against what they should; seconds for the full data.

    The demo is compared with its own sizes in params, AVSBench with the published ones. Raises
    `PipelineError` if the metadata table itself is missing or wrong.
    """
    data = params.data
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
    train = [clip for clip in found.clips if clip.split == "train"]
    return [*counts, *_boxes(train, params.labels.dir, one_each=source == "s4")]


def _boxes(clips: list[Clip], labels: Path, one_each: bool) -> list[Count]:
    """Frames of the train clips with a label file and with a box, and for S4, which has one each, the boxes.

    Nothing for MS3 without labels.

    A label is that of the frame of its stem, `{name}_{k}.xml`, wherever under `labels` it lies. Boxes are
    counted without parsing: the `boxes` stage reads and checks them.
    """
    files: dict[str, Path] = {}
    for path in labels.rglob("*.xml") if labels.is_dir() else ():
        files.setdefault(path.stem, path)
    wanted = [f"{clip.name}_{k}" for clip in clips for k in range(1, FRAMES + 1)]
    present = [stem for stem in wanted if stem in files]
    if not present and not one_each:
        return []  # no boxes of MS3 are published, and the baseline needs none
    missing = [f"no {stem}.xml under {labels}" for stem in wanted if stem not in files]
    extra = len(files) - len(present)
    strays = [f"{extra} label files under {labels} are of no train frame"] if extra else []
    boxes = {stem: files[stem].read_bytes().count(b"<object>") for stem in present}
    empty = [f"{files[stem]}: no box" for stem, number in boxes.items() if number == 0]
    counts = [
        Count("frames with a label file", len(present), len(wanted), missing + strays),
        Count("frames with a box", len(present) - len(empty), len(wanted), empty),
    ]
    return [*counts, Count("boxes", sum(boxes.values()), len(wanted))] if one_each else counts
