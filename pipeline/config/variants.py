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
Network = Literal["segmenter", "localiser"]
# Which of the settings in `model` each network uses; the others are left out of its run config.
NETWORK_SETTINGS: dict[Network, frozenset[str]] = {
    "segmenter": frozenset({"backbone", "channels", "tpavi_stages", "tpavi_bn_gamma", "sound_gate"}),
    "localiser": frozenset({"backbone"}),
}


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        summary: what the variant is, in a line for the report.
        terms: the loss terms it uses, by their keys in params `loss`; others are given weight 0.
        attention: what TPAVI attends to.
        network: the segmenter, or a sound localiser that needs no masks.
    """

    summary: str
    terms: frozenset[str] = frozenset({"lambda"})
    attention: Attention = "sound"
    network: Network = "segmenter"

    @property
    def audio(self) -> bool:
        """Whether the model hears the clip."""
        return self.attention == "sound"


VARIANTS: dict[str, Variant] = {
    "baseline": Variant("TPAVI as published: BCE + lambda AVM"),
    "proposed": Variant(
        "baseline + crop classification + audio-crop similarity",
        frozenset({"lambda", "classification", "similarity"}),
    ),
    "boxes-only": Variant(
        "control: baseline + the outlines of the same boxes as masks, without the crop losses",
        frozenset({"lambda", "box", "outlines"}),
    ),
    "silent": Variant("control: baseline with a constant in the sound's place", attention="constant"),
    "listening": Variant(
        "boxes as outlines, and other sounds beside the clip's own, with their objects in the picture",
        frozenset({"lambda", "contrastive", "box", "outlines", "negatives", "gate"}),
    ),
    "localisation": Variant(
        "sound localisation: an audio-visual similarity map learned without masks (tri-map contrast, as LVS)",
        frozenset({"trimap"}),
        network="localiser",
    ),
    "video": Variant("video object: no sound, attention over the clip's frames", attention="clip"),
    "salient": Variant("salient object: no sound, each frame by itself", attention="frame"),
}


def variant(name: str) -> Variant:
    """The variant called `name`; an unknown name is a `PipelineError` that lists the known ones."""
    try:
        return VARIANTS[name]
    except KeyError:
        raise PipelineError(
            f"train.variants: no variant is called {name!r}; known are {', '.join(VARIANTS)}."
        ) from None
