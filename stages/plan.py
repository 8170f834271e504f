"""DVC stage `plan`: what each variant uses, resolved from params.yaml and the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.checkpoint.weights import check, find_weights
from pipeline.config.inputs import INPUTS, input_files
from pipeline.config.params import Params, load_params
from pipeline.config.paths import CATALOG, DATA, PLAN
from pipeline.config.run_config import dropped_terms, make_run_config
from pipeline.config.variants import variant
from pipeline.data.catalog import digest_of, read_catalog
from pipeline.model.build import NETWORKS
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder, write_json
from stages.common import run


def main() -> None:
    """Write data/plan/{variant}.json for each of train.variants.

    Example: python -m stages.plan
    """
    params = load_params()
    catalog = read_catalog(CATALOG)
    # clips with several sources (MS3) have no category: there is nothing to classify then
    categories = sorted(set(catalog.loc[catalog["split"] == "train", "category"]) - {""})
    inputs = _weights(params) | {name: input_files(DATA, name) for name in INPUTS}
    inputs |= {"clips": digest_of(catalog, "name", "split"), "category": digest_of(catalog, "category")}
    boxed = bool(np.load(input_files(DATA, "boxes")[0]).any())
    with atomic_folder(PLAN) as folder:
        for name in params.train.variants:
            network = NETWORKS[variant(name).network]
            config = make_run_config(name, params, categories, inputs, network.SETTINGS)
            if config.reads("boxes") and not boxed:
                raise PipelineError(
                    f"{params.labels.dir}: holds no box of a train clip, and the variant {name} learns from "
                    f"boxes; draw some (labels/guide.md), or take {name} out of train.variants."
                )
            for line in dropped_terms(name, params, categories):
                print(f"{name}: {line}", flush=True)
            write_json(folder / f"{name}.json", config.model_dump(mode="json"))


def _weights(params: Params) -> dict[str, list[Path] | str]:
    """The files of weights that training starts from, checked."""
    model = params.model
    if model.initial:
        if not Path(model.initial).is_file():
            raise PipelineError(f"model.initial: {model.initial}: no such file; copy the checkpoint there.")
        return {"initial": [Path(model.initial)]}
    return {"pretrained": [check(find_weights(model.backbone))]} if model.pretrained else {}


if __name__ == "__main__":
    run(main)
