"""VOC XML: labelImg's own form, what comes from the wild, and what is refused."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.labels.voc import voc_xml as voc
from pipeline.labels.voc.voc_xml import (
    Annotation,
    Box,
    UnreadableLabelError,
    read_voc,
    voc_text,
    write_voc,
)
from pipeline.utils.errors import PipelineError
from tests.helpers.paths import SHARED

WILD = SHARED / "wild" / "voc"

names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn")), max_size=30).map(str.strip)
pixels = st.integers(-voc.MAX_COORDINATE, voc.MAX_COORDINATE)
boxes = st.builds(Box, names.filter(bool), pixels, pixels, pixels, pixels)
annotations = st.builds(
    Annotation,
    width=st.integers(0, 10_000),
    height=st.integers(0, 10_000),
    boxes=st.lists(boxes, max_size=5).map(tuple),
    filename=names,
    annotator=names,
)


def test_writes_what_labelimg_writes(tmp_path: Path) -> None:
    path = tmp_path / "clip" / "clip_1.xml"
    write_voc(path, Annotation(160, 120, (Box("dog_barking", 10, 20, 50, 120),), "clip_1.jpg"))
    assert path.read_text() == (
        "<annotation>\n\t<folder>clip</folder>\n\t<filename>clip_1.jpg</filename>\n"
        "\t<source>\n\t\t<database>Unknown</database>\n\t</source>\n"
        "\t<size>\n\t\t<width>160</width>\n\t\t<height>120</height>\n\t\t<depth>3</depth>\n\t</size>\n"
        "\t<segmented>0</segmented>\n\t<object>\n\t\t<name>dog_barking</name>\n\t\t<pose>Unspecified</pose>\n"
        "\t\t<truncated>1</truncated>\n\t\t<difficult>0</difficult>\n\t\t<bndbox>\n\t\t\t<xmin>10</xmin>\n"
        "\t\t\t<ymin>20</ymin>\n\t\t\t<xmax>50</xmax>\n\t\t\t<ymax>120</ymax>\n\t\t</bndbox>\n"
        "\t</object>\n</annotation>\n"
    )


def test_truncated_only_at_an_edge() -> None:
    inside = voc_text(Annotation(160, 120, (Box("a", 2, 2, 159, 119),), "f"))
    assert "<truncated>0</truncated>" in inside


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(annotation=annotations)
def test_round_trip_is_exact(tmp_path: Path, annotation: Annotation) -> None:
    path = tmp_path / "a.xml"
    path.write_text(voc_text(annotation), encoding="utf-8")
    assert read_voc(path) == annotation


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    data=st.one_of(
        st.binary(max_size=300), st.text(alphabet="<>/&;!annotobjec \"'=", max_size=200).map(str.encode)
    )
)
def test_any_bytes_give_an_annotation_or_a_named_reason(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    try:
        read_voc(path)
    except UnreadableLabelError as error:
        assert error.kind and str(path) in str(error)


@pytest.mark.parametrize("name", ["line\nbreak", "nul\0", " blank", "next\x85line"])
def test_a_name_that_xml_cannot_give_back_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PipelineError, match="rename"):
        write_voc(tmp_path / "a.xml", Annotation(9, 9, (Box(name, 1, 1, 2, 2),), "a.jpg"))
    assert not list(tmp_path.iterdir())


def _xml(inner: str) -> str:
    return f"<annotation><size><width>100</width><height>50</height></size>{inner}</annotation>"


def _object(xmin: str = "1", name: str = "<name>cat</name>") -> str:
    corners = f"<xmin>{xmin}</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax>"
    return f"<object>{name}<bndbox>{corners}</bndbox></object>"


BOMB = '<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><annotation><filename>&b;</filename></annotation>'
EXTERNAL = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hello", "not_xml"),
        ("", "not_xml"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "not_xml"),
        ("<annotation>&undefined;</annotation>", "not_xml"),
        ("<html/>", "not_voc"),
        (BOMB, "entities"),
        (EXTERNAL, "entities"),
        ('<!DOCTYPE annotation SYSTEM "http://127.0.0.1:1/a.dtd"><annotation/>', "entities"),
        (_xml(_object(name="")), "no_class"),
        (_xml(_object(xmin="nan")), "bad_number"),
        (_xml(_object(xmin="1e30")), "bad_number"),
        (_xml(_object(xmin="")), "bad_number"),
        (_xml("<object><name>cat</name></object>"), "bad_number"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(UnreadableLabelError, match="bad") as caught:
        read_voc(path)
    assert caught.value.kind == kind
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.xml", tmp_path):
        with pytest.raises(UnreadableLabelError, match="cannot be read"):
            read_voc(path)


def test_a_hundred_megabytes_are_refused_before_parsing(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    with path.open("wb") as stream:
        stream.write(b"<annotation>")
        stream.truncate(100 * 2**20)
    start = time.monotonic()
    with pytest.raises(UnreadableLabelError, match="larger than 4 MiB"):
        read_voc(path)
    assert time.monotonic() - start < 1


def test_more_boxes_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.xml"
    path.write_text(_xml(_object() * (voc.MAX_BOXES + 1)))
    with pytest.raises(UnreadableLabelError, match="at most 10000"):
        read_voc(path)


def test_fractions_are_rounded_and_sizes_may_lack(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(f"<annotation>{_object('7.5')}</annotation>")
    assert read_voc(path) == Annotation(0, 0, (Box("cat", 8, 2, 30, 40),), "")


@pytest.mark.skipif(not WILD.is_dir(), reason="no shared/wild/voc beside the checkout")
def test_every_file_from_the_wild_gives_boxes_or_a_reason() -> None:
    unreadable = {}
    found = 0
    for path in sorted(WILD.glob("*.xml")):
        try:
            found += len(read_voc(path).boxes)
        except UnreadableLabelError as error:
            unreadable[path.name] = error.kind
    assert unreadable == {"048_CNNData_102.xml": "not_xml"}
    assert found > 100
