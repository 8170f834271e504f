"""The variants that the project compares, by name, and which switches each one turns on.

Every variant shares model, data and training settings; what differs is said here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        summary: what the variant is, in a line for the report.
        audio: the model hears the clip; without, TPAVI attends from vision to vision.
        crops: the crops of the annotators' boxes are used, with the classification and similarity losses.
    """

    summary: str
    audio: bool = True
    crops: bool = False


VARIANTS: dict[str, Variant] = {
    "baseline": Variant("TPAVI as published: BCE + lambda AVM"),
    "proposed": Variant("baseline + crop classification + audio-crop similarity", crops=True),
    "silent": Variant("baseline without any audio: vision attends to vision", audio=False),
}


def variant(name: str) -> Variant:
    """The variant called `name`; an unknown name is a `PipelineError` that lists the known ones."""
    try:
        return VARIANTS[name]
    except KeyError:
        raise PipelineError(
            f"train.variants: no variant is called {name!r}; known are {', '.join(VARIANTS)}."
        ) from None
