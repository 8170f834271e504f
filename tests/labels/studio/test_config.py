"""The labelling configuration is made from the project's classes."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from pipeline.data.readers.s4 import CATEGORIES
from pipeline.labels.studio.config import HOTKEYS, colour, make_config, same_config
from pipeline.utils.errors import PipelineError
from tests.helpers.paths import ROOT

TEMPLATE = (ROOT / "labels" / "label_studio.xml").read_text()
ANIMALS = ("ant & bee", "bear", "owl <young>", 'the "cat"')


def test_every_class_has_a_label_a_hotkey_and_a_colour() -> None:
    root = fromstring(make_config(TEMPLATE, CATEGORIES))
    labels = root.findall(".//RectangleLabels[@name='box']/Label")
    assert tuple(label.get("value") for label in labels) == CATEGORIES
    keys = [element.get("hotkey") for element in root.iter() if element.get("hotkey")]
    assert len(set(keys)) == len(keys) == 24  # with that of "not visible"
    assert len({label.get("background") for label in labels}) == 23
    assert root.find(".//Audio") is not None and root.find(".//Choice") is not None


def test_any_names_will_do() -> None:
    labels = fromstring(make_config(TEMPLATE, ANIMALS)).findall(".//Label")
    assert [label.get("value") for label in labels] == list(ANIMALS)
    assert [label.get("hotkey") for label in labels] == ["1", "2", "3", "4"]


def test_more_classes_than_hotkeys() -> None:
    names = [f"class {number}" for number in range(100)]
    labels = fromstring(make_config(TEMPLATE, names)).findall(".//Label")
    assert [label.get("value") for label in labels] == names
    assert [label.get("hotkey") for label in labels] == [*HOTKEYS, *[None] * (100 - len(HOTKEYS))]
    assert len({label.get("background") for label in labels}) == 100


def test_labels_of_the_template_keep_their_look() -> None:
    own = '<Label value="bear" background="#123456" hotkey="1"/>'
    config = make_config(TEMPLATE.replace("</RectangleLabels>", f"{own}</RectangleLabels>"), ANIMALS)
    looks = {label.get("value"): label.attrib for label in fromstring(config).findall(".//Label")}
    assert looks.keys() == set(ANIMALS)
    assert looks["bear"] == {"value": "bear", "background": "#123456", "hotkey": "1"}
    assert looks["ant & bee"]["hotkey"] == "2"


def test_colours_by_hand() -> None:
    """Hue 0, lightness 0.45, saturation 0.8: 255 x (0.45 + 0.36) = 206 and 255 x (0.45 - 0.36) = 22."""
    assert colour(0) == "#ce1616"


def test_the_server_s_spelling_makes_no_difference() -> None:
    config = make_config(TEMPLATE, ANIMALS)
    assert same_config(config, config.replace("/>", " />").replace("<View>", "<View >"))
    assert not same_config(config, make_config(TEMPLATE, ANIMALS[:3]))
    assert not same_config("None", config)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("<View>", "not XML"),
        ("<!DOCTYPE a><View/>", "document type"),
        ("<View/>", "has no box, image, visibility"),
        (TEMPLATE.replace('name="visibility"', 'name="other"'), "has no visibility"),
        (TEMPLATE.replace("RectangleLabels", "PolygonLabels"), "has no box as RectangleLabels"),
    ],
)
def test_a_template_that_pull_could_not_read_is_refused(template: str, complaint: str) -> None:
    with pytest.raises(PipelineError, match=complaint):
        make_config(template, ANIMALS)


def test_no_classes_are_refused() -> None:
    with pytest.raises(PipelineError, match=r"no categories to label; list classes .* labels/classes\.txt"):
        make_config(TEMPLATE, ())
