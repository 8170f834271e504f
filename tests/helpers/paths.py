"""Where the repository is, and data of other people that may lie next to it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"  # known answers and other people's files, where somebody has them
