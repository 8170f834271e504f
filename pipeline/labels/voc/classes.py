"""Box classes: the names that annotators choose from, and that a box may have."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.data.categories import categories_of, category_problem
from pipeline.utils.errors import PipelineError


def classes_of(catalog: pd.DataFrame, listed: Path) -> tuple[str, ...]:
    """The classes of a data set's boxes, sorted: its categories.

    Clips with several sounds (MS3) have no category of their own. Where there are such clips the classes are
    those in `listed` too.

    Args:
        catalog: the clip catalogue.
        listed: a text file with a class a line, as labelImg reads it.

    Raises:
        PipelineError: `listed` is needed and cannot be read, or a name in it cannot be a category.
    """
    own = categories_of(catalog)
    if (catalog["category"] != "").all():
        return own
    return tuple(sorted({*own, *_read(listed)}))


def _read(listed: Path) -> list[str]:
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"{listed}: cannot be read ({error}); list the classes of boxes there, one a line: clips with "
            "several sounds have no category of their own."
        ) from error
    names = [line.strip() for line in lines if line.strip()]
    for name in names:
        if problem := category_problem(name):
            raise PipelineError(f"{listed}: class {name!r} {problem}; rename it.")
    return names
