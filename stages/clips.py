"""DVC stage: the clip catalogue."""

from __future__ import annotations

from pipeline.catalog import build_catalog, write_catalog
from pipeline.params import load_params
from stages.common import CATALOG, run


def main() -> None:
    """Find every clip and its files under data.root; name all that is missing."""
    data = load_params().data
    write_catalog(CATALOG, build_catalog(data.source, data.root, data.prefer))


if __name__ == "__main__":
    run(main)
