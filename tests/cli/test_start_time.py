"""`avs --help`, and a typo, answer at once: heavy modules are imported when a command runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "scipy", "pandas", "cv2", "matplotlib", "sklearn", "statsmodels", "numpy")


@pytest.mark.parametrize(
    "code", ["import pipeline.cli.app", "from pipeline.cli.app import app; app(['--help'])"]
)
def test_avs_starts_without_heavy_modules(code: str) -> None:
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "pipeline.cli.app" in loaded and not loaded & set(HEAVY)
