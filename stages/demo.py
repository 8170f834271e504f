"""DVC stage `demo`: the demo data set, if `data.source` is demo."""

from __future__ import annotations

from pipeline.config.params import load_params
from pipeline.config.paths import DEMO
from pipeline.demo import write_demo
from pipeline.utils.files import atomic_folder
from pipeline.utils.parallel import Workers
from pipeline.utils.progress import show
from stages.common import refuse_unfit_backbone, run


def main() -> None:
    """Write data/demo: videos, masks and boxes drawn here, or a note that the data come from elsewhere.

    Example: python -m stages.demo
    """
    params = load_params()
    refuse_unfit_backbone(params.model)
    if params.data.source == "demo":
        write_demo(DEMO, params.demo, workers=Workers(params.compute.jobs, track=show))
        return
    with atomic_folder(DEMO) as folder:
        (folder / "README.txt").write_text(
            f"No demo: data.source is {params.data.source}.\n", encoding="utf-8"
        )


if __name__ == "__main__":
    run(main)
