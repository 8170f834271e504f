"""Label Studio's labelling configuration: a template filled with the project's classes."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, ParseError, SubElement, canonicalize, fromstring, tostring

from pipeline.labels.studio.regions import BOX, IMAGE, VISIBILITY
from pipeline.utils.errors import PipelineError

# keys that Label Studio itself does not use, in the order of the classes; "n" says that nothing is visible
HOTKEYS = "1234567890qwetasdfgzxcv"
_GOLDEN_RATIO = 0.618034  # steps of this share of the colour circle keep any number of hues apart
_LIGHTNESS = (0.45, 0.6, 0.35)


def make_config(template: str, classes: Sequence[str]) -> str:
    """The labelling configuration of a project: the template with a label for each class.

    Labels that the template has already keep their colours and hotkeys.

    Args:
        template: Label Studio XML with the controls `box` (RectangleLabels), `image` and `visibility`,
            whose names `avs labels pull` reads.
        classes: of the boxes, in the order in which they are shown.

    Raises:
        PipelineError: the template is not such XML, or there are no classes.
    """
    if not classes:
        raise PipelineError("there are no categories to label; list classes of boxes in labels/classes.txt.")
    root = _parse(template)
    names = {element.get("name") for element in root.iter()}
    missing = [name for name in (BOX, IMAGE, VISIBILITY) if name not in names]
    control = root.find(f".//RectangleLabels[@name='{BOX}']")
    if missing or control is None:
        what = ", ".join(missing) or f"{BOX} as RectangleLabels"
        raise PipelineError(f"the Label Studio configuration has no {what}, which `avs labels pull` reads.")
    own = {label.get("value") for label in control.iter("Label")}
    taken = {element.get("hotkey") for element in root.iter()}
    hotkeys = iter([key for key in HOTKEYS if key not in taken])
    for number, name in enumerate(classes):
        if name not in own:
            label = SubElement(control, "Label", {"value": name, "background": colour(number)})
            if hotkey := next(hotkeys, ""):
                label.set("hotkey", hotkey)
    return tostring(root, encoding="unicode")


def same_config(a: str, b: str) -> bool:
    """Whether two configurations are the same XML; the server returns one in its own spelling."""
    try:
        return canonicalize(a, strip_text=True) == canonicalize(b, strip_text=True)
    except ParseError:
        return False


def colour(number: int) -> str:
    """The colour of class `number`, `#rrggbb`: consecutive ones differ in hue and lightness."""
    rgb = colorsys.hls_to_rgb(number * _GOLDEN_RATIO % 1, _LIGHTNESS[number % len(_LIGHTNESS)], 0.8)
    return "#" + "".join(f"{int(255 * part):02x}" for part in rgb)


def _parse(template: str) -> Element:
    # without a document type there are no entities, neither bombs nor outside ones
    if re.search(r"<!(DOCTYPE|ENTITY)", template, re.IGNORECASE):
        raise PipelineError("the Label Studio configuration declares a document type; remove that.")
    try:
        return fromstring(template)
    except ParseError as error:
        raise PipelineError(f"the Label Studio configuration is not XML: {error}.") from error
