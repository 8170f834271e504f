"""Stage `plan`: what each variant will use, resolved from params.yaml and the data."""

from __future__ import annotations

from pipeline.catalog import read_catalog
from pipeline.files import atomic_folder, write_json
from pipeline.params import load_params
from pipeline.plan import make_plan
from stages.common import AUDIO, BANK, CATALOG, CROPS, FRAMES, PLAN, run


def main() -> None:
    """Write data/plan/{variant}.json for each of train.variants.

    Example: python -m stages.plan
    """
    params = load_params()
    catalog = read_catalog(CATALOG)
    categories = sorted(set(catalog.loc[catalog["split"] == "train", "category"]))
    inputs = {
        "frames": [FRAMES / "frames.npy", FRAMES / "masks.npy", FRAMES / "labelled.npy"],
        "audio": [AUDIO / "features.npy"],
        "crops": [CROPS],
        "bank": [BANK],
    }
    with atomic_folder(PLAN) as folder:
        for name in params.train.variants:
            plan = make_plan(name, params, categories, inputs)
            write_json(folder / f"{name}.json", plan.model_dump(mode="json"))


if __name__ == "__main__":
    run(main)
