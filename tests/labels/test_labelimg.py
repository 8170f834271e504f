"""labelImg itself reads what we export and writes what we import.

It is no dependency: `pip install labelImg` into an environment of its own, and put its command on PATH or
name it in LABELIMG_COMMAND.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.catalog import clips_by_name
from pipeline.labels.sync.export_voc import export_voc
from pipeline.labels.sync.import_labels import read_sources
from pipeline.labels.voc.label_paths import Frame
from pipeline.labels.voc.voc_xml import Annotation, Box, parse_voc, read_voc, voc_text
from tests.helpers.label_files import CLASSES, catalog, full

COMMAND = os.environ.get("LABELIMG_COMMAND") or shutil.which("labelImg")
pytestmark = pytest.mark.skipif(COMMAND is None, reason="no labelImg; set LABELIMG_COMMAND")
CLIPS = clips_by_name(catalog())
READ = """
import json, sys
from libs.pascal_voc_io import PascalVocReader
print(json.dumps({path: PascalVocReader(path).get_shapes() for path in sys.argv[1:]}))
"""
WRITE = """
import sys
from libs.pascal_voc_io import PascalVocWriter
writer = PascalVocWriter("clip", "abc_1", (120, 160, 3), local_img_path="C:\\\\x\\\\abc_1.jpg")
writer.add_bnd_box(21, 30, 61, 70, "dog_barking", 0)
writer.add_bnd_box(0, 0, 160, 120, "\u72ac", 1)
writer.save(sys.argv[1])
"""


def _labelimg(code: str, *arguments: Path) -> str:
    python = Path(COMMAND or "").parent / "python"
    done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def _boxes(shapes: list[list[Any]]) -> list[Box]:
    """labelImg's shapes: label, four corners, colours, difficult."""
    return [Box(label, *corners[0], *corners[2]) for label, corners, *_ in shapes]


def test_it_reads_every_exported_file(tmp_path: Path) -> None:
    folder = tmp_path / "voc"
    full(folder)
    odd = (Box("犬 <b>&amp;", 1, 1, 160, 120), Box("dog_barking", 3, 4, 5, 6))
    (folder / "dog_barking/abc/abc_2.xml").write_text(voc_text(Annotation(160, 120, odd, "")))
    text = (folder / "dog_barking/abc/abc_3.xml").read_text()
    other = text.replace("<filename>abc_3.jpg</filename>", "").replace("<difficult>0", "<difficult>no")
    (folder / "dog_barking/abc/abc_3.xml").write_text(other)  # labelImg alone would show nothing of it
    export_voc(folder, CLIPS, CLASSES, tmp_path / "out", tmp_path / "sync.json")
    files = sorted((tmp_path / "out").glob("*.xml"))
    shapes = json.loads(_labelimg(READ, *files))
    assert len(files) == 10
    for file in files:
        assert _boxes(shapes[str(file)]) == list(read_voc(file).boxes) != []


def test_what_it_writes_is_imported(tmp_path: Path) -> None:
    _labelimg(WRITE, tmp_path / "abc_1.xml")
    found = read_sources([tmp_path], CLIPS)
    read = parse_voc(Path("x"), found.labels[Frame("abc", 1)].data)
    assert (read.width, read.height) == (160, 120)
    assert read.boxes == (Box("dog_barking", 21, 30, 61, 70), Box("犬", 0, 0, 160, 120))
