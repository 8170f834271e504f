"""Category names: which ones a data set has, and what no category may be called."""

from __future__ import annotations

import unicodedata

import pandas as pd


def categories_of(catalog: pd.DataFrame) -> tuple[str, ...]:
    """The categories that a catalogue's clips have, sorted; none where all clips have several (MS3)."""
    return tuple(sorted(set(catalog["category"]) - {""}))


def category_problem(name: str) -> str:
    """Why `name` cannot be a category, "" if it can.

    A category is a folder's name, a class in VOC XML, a line of `classes.txt` and a label in Label Studio.
    """
    if not name:
        return "is empty"
    if "/" in name or "\\" in name:
        return "has a slash"
    if not name.isprintable() or name != name.strip():
        return "has control characters, or blanks at an end"
    if name.startswith((".", "$")):
        return "begins with '.', which hides its folder, or '$', which Label Studio takes for a variable"
    if not unicodedata.is_normalized("NFC", name):
        return "is not in Unicode's composed form (NFC), so that two spellings would look the same"
    return ""
