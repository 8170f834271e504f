"""DVC stage `clips`: the clip catalogue."""

from __future__ import annotations

from pipeline.config.params import load_params
from pipeline.config.paths import CATALOG
from pipeline.data.catalog import build_catalog, check_videos, write_catalog
from stages.common import refuse_unfit_backbone, run, workers


def main() -> None:
    """Find every clip and its files under data.root; name all that is missing or broken.

    Example: python -m stages.clips
    """
    params = load_params()
    refuse_unfit_backbone(params.model)
    catalog = build_catalog(params.data.source, params.data.root, params.data.prefer)
    check_videos(catalog, workers=workers(params.compute))
    write_catalog(CATALOG, catalog)


if __name__ == "__main__":
    run(main)
