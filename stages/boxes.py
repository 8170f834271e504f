"""DVC stage `boxes`: the annotators' boxes, checked and collected in one table."""

from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config.params import load_params
from pipeline.config.paths import BOXES, CATALOG, LABELS_CLASSES, LABELS_REVIEW
from pipeline.data.catalog import read_catalog
from pipeline.labels.voc.classes import classes_of
from pipeline.labels.voc.table import REVIEW_COLUMNS, read_labels
from pipeline.utils.files import atomic_folder, atomic_path
from stages.common import run, workers


def main() -> None:
    """Read `labels.dir`; write the usable boxes, the problems, and a small table that git reviews.

    Example: python -m stages.boxes
    """
    params = load_params()
    catalog = read_catalog(CATALOG)
    table, problems = read_labels(
        params.labels.dir,
        catalog,
        classes_of(catalog, LABELS_CLASSES),
        workers=workers(params.compute),
    )
    with atomic_folder(BOXES) as folder:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / "boxes.parquet")
        problems.to_csv(folder / "problems.csv", index=False)
    with atomic_path(LABELS_REVIEW) as temporary:
        review = table[list(REVIEW_COLUMNS)].sort_values(["category", "name", "frame", "xmin", "ymin"])
        review.to_csv(temporary, index=False)
    errors = int((problems["level"] == "error").sum())
    print(f"boxes: {len(table)} usable; {errors} errors, {len(problems) - errors} warnings", file=sys.stderr)


if __name__ == "__main__":
    run(main)
