"""The variants that the project compares, by name, and which switches each one turns on.

Every variant shares data and training settings; what differs is said here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.utils.errors import PipelineError

# What TPAVI lets every position attend to: the clip's sound; a constant in its place; all positions of the
# clip's frames; those of its own frame.
Attention = Literal["sound", "constant", "clip", "frame"]
MASK_LOSSES = frozenset({"bce", "avm"})  # as published


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        summary: what the variant is, in a line for the report.
        terms: the loss terms it uses, by name (`pipeline.losses.terms`); their weights are in params `loss`.
        attention: what TPAVI attends to.
        network: its key in `pipeline.model.build.NETWORKS`.
        audio_control: whether the report measures other variants against it to show what audio is worth.
        control_of: the variant that this one is a control of. The report compares that variant with this one,
            and with it every other variant.
        family: the family of published systems that it represents in the report, if any.
    """

    summary: str
    terms: frozenset[str] = MASK_LOSSES
    attention: Attention = "sound"
    network: str = "segmenter"
    audio_control: bool = False
    control_of: str | None = None
    family: str | None = None

    @property
    def audio(self) -> bool:
        """Whether the model hears the clip."""
        return self.attention == "sound"


VARIANTS: dict[str, Variant] = {
    "baseline": Variant("TPAVI as published: BCE + lambda AVM", family="audio-visual segmentation"),
    "proposed": Variant(
        "baseline + crop classification + audio-crop similarity",
        MASK_LOSSES | {"classification", "similarity"},
    ),
    "boxes-only": Variant(
        "control: baseline + pseudo-masks from the same boxes, without the crop losses",
        MASK_LOSSES | {"pseudo_masks"},
        control_of="proposed",
    ),
    "silent": Variant(
        "control: baseline with a constant in the sound's place", attention="constant", audio_control=True
    ),
    "listening": Variant(
        "pseudo-masks, and negative audio whose objects are pasted into the picture",
        MASK_LOSSES | {"pseudo_masks", "negatives", "gate"},
    ),
    "localisation": Variant(
        "sound localisation: an audio-visual similarity map learned without masks (tri-map contrast, as LVS)",
        frozenset({"trimap"}),
        network="localiser",
        family="sound localisation",
    ),
    "video": Variant(
        "video object: no sound, attention over the clip's frames", attention="clip", family="video objects"
    ),
    "salient": Variant(
        "salient object: no sound, each frame by itself", attention="frame", family="salient objects"
    ),
}


def variant(name: str) -> Variant:
    """The variant called `name`; an unknown name is a `PipelineError` that lists the known ones."""
    try:
        return VARIANTS[name]
    except KeyError:
        raise PipelineError(
            f"train.variants: no variant is called {name!r}; known are {', '.join(VARIANTS)}."
        ) from None
