"""Which names a category may have, and which categories a catalogue has."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.data.categories import categories_of, category_problem
from pipeline.data.readers.s4 import CATEGORIES
from pipeline.demo.dataset import ORDER


def test_categories_come_from_the_catalogue() -> None:
    assert categories_of(pd.DataFrame({"category": ["owl", "bee", "owl", ""]})) == ("bee", "owl")
    assert categories_of(pd.DataFrame({"category": ["", ""]})) == ()


@pytest.mark.parametrize("name", [*CATEGORIES, *ORDER, "犬", "brown bear", "R&B <live>", "it's", "été", "-x"])
def test_any_name_will_do(name: str) -> None:
    assert category_problem(name) == ""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "empty"),
        ("a/b", "slash"),
        ("a\\b", "slash"),
        ("a\nb", "control"),
        ("a\0", "control"),
        (" a", "blanks"),
        ("..", "hides"),
        (".owl", "hides"),
        ("$owl", "variable"),
        ("e\u0301te", "NFC"),
    ],
)
def test_a_name_that_breaks_paths_or_labels_is_refused(name: str, problem: str) -> None:
    assert problem in category_problem(name)
