"""The benchmarks' own machinery, and that the command runs; what it measures is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from benchmarks import step
from benchmarks.measure import Setup, _reason, apart, failure, milliseconds, row
from benchmarks.operations import count_operations
from benchmarks.step import _rows
from benchmarks.training import stopwatch
from tests.helpers.paths import ROOT


def allocate(megabytes: int) -> dict[str, int]:
    """Touches so much memory; called in another process."""
    return {"length": len(b"x" * (megabytes * 2**20))}


def break_down(why: str) -> dict[str, int]:
    raise RuntimeError(why)


def test_a_process_of_its_own_and_its_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    ballast = b"x" * (300 * 2**20)  # of this process: not to be counted
    small = apart("tests.project.test_benchmarks:allocate", megabytes=0)
    large = apart("tests.project.test_benchmarks:allocate", megabytes=200)
    assert large["length"] == 200 * 2**20
    assert large["peak"] - small["peak"] == pytest.approx(0.2097, abs=0.03)
    assert len(ballast)
    assert (
        apart("tests.project.test_benchmarks:break_down", why="CUDA out of memory. Tried")["failed"]
        == "out of memory"
    )
    assert "no such thing" in apart("tests.project.test_benchmarks:break_down", why="no such thing")["failed"]


def test_why_a_process_failed() -> None:
    assert _reason(-9, "a warning\n") == "killed by signal 9 (out of memory?)"
    assert _reason(1, "Traceback\nMemoryError: can't allocate memory: you tried 9 bytes\n") == "out of memory"
    advice = "torch._dynamo.exc.Unsupported: no such call\n\nSet TORCHDYNAMO_VERBOSE=1 for more"
    assert _reason(1, advice) == "torch._dynamo.exc.Unsupported: no such call"
    assert _reason(3, "") == "ended with status 3"


def test_operations_by_hand() -> None:
    """Depthwise layers backward, which torch's counter takes for dense ones."""
    x, weight = torch.zeros(2, 6, 8, 8, requires_grad=True), torch.zeros(6, 1, 3, 3, requires_grad=True)
    forward = 2 * 2 * 6 * 8 * 8 * 9  # a multiplication and an addition a tap, clip, channel and place
    run = lambda: functional.conv2d(x, weight, padding=1, groups=6).sum().backward()  # noqa: E731
    assert count_operations(run) == (None, 3 * forward)
    dense = torch.zeros(5, 6, 3, 3, requires_grad=True)
    stepped = lambda: functional.conv2d(x.detach(), dense, stride=2, padding=1).sum().backward()  # noqa: E731
    assert count_operations(stepped)[1] == 2 * (2 * 2 * 5 * 6 * 4 * 4 * 9)  # no gradient of the input
    turned = torch.zeros(6, 5, 2, 2, requires_grad=True)
    grown = lambda: functional.conv_transpose2d(x, turned, stride=2).sum().backward()  # noqa: E731
    assert count_operations(grown)[1] == 3 * (2 * 2 * 6 * 5 * 8 * 8 * 4)


def test_without_the_first_form_there_are_no_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one must not stand in for it as 1.00."""
    good = {"seconds": 2.0, "peak": 1.0, "operations": 100.0, "bytes": 1.0, "loss": 0.5}

    def apart(name: str, **case: str) -> dict[str, object]:
        return {"failed": "out of memory"} if case["form"] == "direct" else good

    monkeypatch.setattr(step, "apart", apart)
    setup = Setup("cpu", True, None, {"float32": 100.0, "bfloat16": 1.0, "copy": 10.0})
    lines = [line.split(" | ") for line in step.report(setup) if line.startswith("| ")]
    assert lines[2][:2] == ["| ours with the N x N matrix, float32", "out of memory"]
    assert [line[4:7] for line in lines[3:]] == [["", "1.00 GB", ""]] * 2


def test_the_floor_is_the_limit_that_binds() -> None:
    setup = Setup("cpu", True, None, {"float32": 100.0, "bfloat16": 400.0, "copy": 10.0})
    assert setup.floor(200, 5) == 2
    assert setup.floor(200, 50) == 5
    assert setup.floor(200, 5, "bfloat16") == 0.5


def test_rows_in_bfloat16_stand_where_it_is_faster() -> None:
    """Elsewhere they would take hours, and the output says that they are left out."""
    faster = Setup("cpu", True, None, {"float32": 100.0, "bfloat16": 400.0, "copy": 10.0})
    slower = Setup("cpu", True, None, {"float32": 100.0, "bfloat16": 0.3, "copy": 10.0})
    assert [precision for _, precision in _rows(faster, "resnet18")].count("bfloat16") == 1
    assert {precision for _, precision in _rows(slower, "resnet18")} == {"float32"}


def test_lines_of_a_table() -> None:
    assert row(["a", 1]) == "| a | 1 |"
    assert failure({"seconds": 1.0}, "a", 3) is None
    assert failure({"failed": "out of | memory"}, "a", 4) == "| a | out of / memory |  |  |"
    assert [milliseconds(s) for s in (0.00123, 0.0123, 0.123, 1.2)] == [
        "1.23 ms",
        "12.3 ms",
        "123 ms",
        "1200 ms",
    ]


def test_waiting_is_counted_apart_from_work() -> None:
    now = iter([0.0, 0.0, 2.0, 5.0, 6.0, 8.0, 8.0, 9.0]).__next__
    # begin; wait 0-2, work 2-5, wait 5-6, work 6-8, the end comes at once; 9 seconds in all
    passes: list[tuple[float, float]] = []
    assert list(stopwatch(iter("ab"), passes, now=now)) == ["a", "b"]
    assert passes == [(9.0, 3.0)]


@pytest.mark.slow
def test_the_command() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--device", "cpu", "--only", "metrics"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert {len(line) for line in lines} == {6}
    loop, histogram = lines[2], lines[3]
    assert loop[5] == histogram[5]  # the same M_F to seven places
    assert "its rows are left out" in done.stdout
    told = (
        r"- the machine's own rates: matrix product \S+ TF/s in float32, \S+ TF/s in bfloat16; copy \S+ GB/s$"
    )
    assert re.search(told, done.stdout, re.MULTILINE)
    refused = subprocess.run([*command, "--published", "nowhere"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 2 and "holds no avs_scripts/avs_s4" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("part", ["data", "growth", "listening", "step", "tpavi", "training"])
def test_a_part_runs(part: str) -> None:
    """A form that fails gets a line that says so, and the command goes on: no such line here."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--device", "cpu", "--only", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not re.search("Error|Exception|out of memory|ended with|killed by", done.stdout), done.stdout
    assert done.stdout.count("\n| ") > 3, done.stdout
