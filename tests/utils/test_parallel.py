from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.utils.errors import PipelineError
from pipeline.utils.parallel import SERIAL, Workers
from tests.helpers.paths import ROOT


def _half(number: int) -> int:
    if number % 2:
        raise PipelineError(f"{number}: is odd")
    return number // 2


def _bug(number: int) -> int:
    raise ZeroDivisionError(number)


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_keep_the_order(jobs: int) -> None:
    assert Workers(jobs).map(_half, [8, 2, 6, 4]) == [4, 1, 3, 2]


def test_every_error_is_reported_at_once() -> None:
    with pytest.raises(PipelineError) as error:
        SERIAL.map(_half, [1, 2, 3], "numbers")
    assert str(error.value) == "numbers: 2 of 3 failed:\n  1: is odd\n  3: is odd"


def test_a_long_list_of_errors_is_cut() -> None:
    with pytest.raises(PipelineError, match=r"23 of 23 failed(.|\n)*39: is odd\n  \.\.\. and 3 more$"):
        SERIAL.map(_half, list(range(1, 46, 2)))


def test_a_bug_is_not_collected() -> None:
    with pytest.raises(ZeroDivisionError):
        SERIAL.map(_bug, [1])


def test_no_items() -> None:
    assert SERIAL.map(_half, []) == []


def _dies_at_3(folder: Path, number: int, always: bool = False) -> int:
    """Leaves a file for each call; the worker that gets number 3 is killed, once or always."""
    (folder / f"{number}.{len(list(folder.glob(f'{number}.*')))}").touch()
    if number == 3 and (always or len(list(folder.glob("3.*"))) == 1):
        time.sleep(1)  # until results of earlier numbers have come back
        os._exit(1)
    return number * 10


def test_a_dead_worker_loses_nothing(tmp_path: Path) -> None:
    assert Workers(2).map(partial(_dies_at_3, tmp_path), range(8)) == [n * 10 for n in range(8)]
    assert len(list(tmp_path.glob("3.*"))) == 2
    assert len(list(tmp_path.glob("0.*"))) == 1  # what had a result is not done again


def test_workers_that_always_die_are_reported_with_the_item(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"^numbers: workers died 3 times at or soon after [0-3] \(Term"):
        Workers(2).map(partial(_dies_at_3, tmp_path, always=True), range(4), "numbers")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes with one processor each, on this machine."""
    ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_raylet_start_wait_time_s", "120")  # a busy machine
        patch.setenv("PYTHONPATH", str(ROOT))  # where the workers find this module and the project's
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes.add_node(num_cpus=1)
        nodes.wait_for_nodes()
        ray.init(address=nodes.address, log_to_driver=False)
        yield nodes
        ray.shutdown()
        nodes.shutdown()


def _write_node(number: int) -> str:
    """Write through a relative path; the node that this runs on."""
    import time

    import ray

    Path(f"{number}.txt").write_text(str(number))
    time.sleep(0.2)
    if number == 5:
        raise PipelineError("5: is not liked")
    return ray.get_runtime_context().get_node_id()


@pytest.mark.slow
def test_a_cluster_of_two_nodes(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = Workers(backend="ray").map(_write_node, [0, 1, 2, 3, 4, 6, 7, 8])
    assert len(nodes) == 8 and len(set(nodes)) == 2
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.txt" for n in (0, 1, 2, 3, 4, 6, 7, 8)}
    with pytest.raises(PipelineError, match="items: 1 of 2 failed:\n  5: is not liked"):
        Workers(backend="ray").map(_write_node, [5, 6])


@pytest.mark.slow
def test_a_dead_worker_of_a_cluster_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    assert Workers(backend="ray").map(partial(_dies_at_3, tmp_path), range(6)) == [n * 10 for n in range(6)]
    assert len(list(tmp_path.glob("3.*"))) == 2
    with pytest.raises(PipelineError, match=r"^items: workers died 3 times at or soon after 3 "):
        Workers(backend="ray").map(partial(_dies_at_3, tmp_path, always=True), [3])
    with pytest.raises(ZeroDivisionError):
        Workers(backend="ray").map(_bug, [1])
