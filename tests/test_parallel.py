from __future__ import annotations

import pytest

from pipeline.errors import PipelineError
from pipeline.parallel import map_all


def _half(number: int) -> int:
    if number % 2:
        raise PipelineError(f"{number}: is odd")
    return number // 2


def _bug(number: int) -> int:
    raise ZeroDivisionError(number)


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_keep_the_order(jobs: int) -> None:
    assert map_all(_half, [8, 2, 6, 4], jobs=jobs) == [4, 1, 3, 2]


def test_every_error_is_told_at_once() -> None:
    with pytest.raises(PipelineError) as error:
        map_all(_half, [1, 2, 3], jobs=1, what="numbers")
    assert str(error.value) == "numbers: 2 of 3 failed:\n  1: is odd\n  3: is odd"


def test_a_long_list_of_errors_is_cut() -> None:
    with pytest.raises(PipelineError, match=r"23 of 23 failed(.|\n)*39: is odd\n  \.\.\. and 3 more$"):
        map_all(_half, list(range(1, 46, 2)), jobs=1)


def test_a_bug_is_not_collected() -> None:
    with pytest.raises(ZeroDivisionError):
        map_all(_bug, [1], jobs=1)


def test_no_items() -> None:
    assert map_all(_half, [], jobs=1) == []
