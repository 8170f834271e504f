"""What every stage command shares."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.helpers.paths import ROOT

STAGE = """
import time
from pathlib import Path
from pipeline.utils.files import atomic_folder
from stages.common import run

def main() -> None:
    with atomic_folder(Path("made")) as folder:
        (folder / "half").write_text("half")
        print("writing", flush=True)
        time.sleep(60)

run(main)
"""


def test_a_stage_that_is_ended_leaves_nothing_half_written(tmp_path: Path) -> None:
    root = ROOT
    stage = subprocess.Popen(
        [sys.executable, "-c", STAGE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stage.stdout is not None
    assert stage.stdout.readline() == "writing\n"
    assert len(list(tmp_path.iterdir())) == 1
    stage.send_signal(signal.SIGTERM)
    _, complaint = stage.communicate(timeout=30)
    assert stage.returncode not in (0, None), complaint
    assert "Traceback" not in complaint
    assert list(tmp_path.iterdir()) == []
