"""Coercion of untrusted JSON values: the type that is asked for, or a neutral value. Nothing raises."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from pipeline.labels.voc.voc_xml import MAX_COORDINATE


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none if it is not a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A finite number below 1e12 in size, else None. A boolean is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        real = float(value)
    except OverflowError:
        return None
    return real if math.isfinite(real) and abs(real) < 1e12 else None


def pixels(value: Any) -> int:
    """A side of an image in whole pixels, 0 if it is not plausible."""
    side = number(value)
    return int(side) if side is not None and 1 <= side <= MAX_COORDINATE else 0


def integer(value: Any) -> int:
    """An integer, else 0. A boolean is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def string(value: Any) -> str:
    """A string, else an empty one."""
    return value if isinstance(value, str) else ""


def instant(value: Any) -> float:
    """Seconds from 1970 to an ISO 8601 time, which is UTC where it names no zone; -inf for anything else."""
    try:
        time = datetime.fromisoformat(string(value))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return -math.inf
