"""Stage `plan`: what each variant will use, resolved from params.yaml and the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.config.params import load_params
from pipeline.config.run_config import dropped_terms, make_run_config
from pipeline.data.catalog import digest_of, read_catalog
from pipeline.utils.errors import PipelineError
from pipeline.utils.files import atomic_folder, write_json
from stages.common import AUDIO, BANK, CATALOG, CROPS, FRAMES, OUTLINES, PLAN, run


def main() -> None:
    """Write data/plan/{variant}.json for each of train.variants.

    Example: python -m stages.plan
    """
    params = load_params()
    catalog = read_catalog(CATALOG)
    # clips of several sources (MS3) have no category: there is nothing to classify then
    categories = sorted(set(catalog.loc[catalog["split"] == "train", "category"]) - {""})
    inputs: dict[str, list[Path] | str] = {
        "clips": digest_of(catalog, "name", "split"),
        "category": digest_of(catalog, "category"),
        "frames": [FRAMES / "frames.npy", FRAMES / "masks.npy", FRAMES / "labelled.npy"],
        "audio": [AUDIO / "features.npy"],
        "boxes": [CROPS / "present.npy", CROPS / "boxes.npy"],
        "crops": [CROPS / "crops.npy"],
        "outlines": [OUTLINES],
        "bank": [BANK],
        "initial": [Path(params.model.initial)],
    }
    if params.model.initial and not Path(params.model.initial).is_file():
        raise PipelineError(
            f"model.initial: {params.model.initial}: no such file; copy the checkpoint there."
        )
    if params.model.pretrained and not params.model.initial:
        from pipeline.checkpoint.weights import (  # with torch, which takes seconds to import
            check,
            find_weights,
        )

        inputs["pretrained"] = [check(find_weights(params.model.backbone))]
    boxed = bool(np.load(CROPS / "present.npy").any())
    with atomic_folder(PLAN) as folder:
        for name in params.train.variants:
            plan = make_run_config(name, params, categories, inputs)
            if plan.boxes and not boxed:
                raise PipelineError(
                    f"{params.labels.dir}: holds no box of a train clip, and the variant {name} learns from "
                    f"boxes; draw some (labels/guide.md), or take {name} out of train.variants."
                )
            for line in dropped_terms(name, params, categories):
                print(f"{name}: {line}", flush=True)
            write_json(folder / f"{name}.json", plan.model_dump(mode="json"))


if __name__ == "__main__":
    run(main)
