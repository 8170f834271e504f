from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.training.resume import ResumeState
from pipeline.utils.errors import PipelineError
from tests.helpers.small_disk import files_of_at_most


def state_of(folder: Path, fingerprint: str = "a" * 64) -> ResumeState:
    return ResumeState(folder, "baseline-1", fingerprint)


def test_a_state_comes_back_and_goes(tmp_path: Path) -> None:
    state = state_of(tmp_path)
    assert state.load() is None
    weights = torch.arange(6.0)
    state.save({"config": {"lr": 0.1}, "weights": weights})
    loaded = state.load()
    assert loaded is not None and torch.equal(loaded["weights"], weights)
    loaded["weights"].add_(1)  # what is loaded may be trained on: the file stays as it is
    assert torch.equal(state.load()["weights"], weights)  # type: ignore[index]
    state.clear()
    assert state.load() is None and not list(tmp_path.iterdir())


def test_another_fingerprint_is_a_stranger(tmp_path: Path) -> None:
    other = state_of(tmp_path, "b" * 64)
    other.save({"config": {"lr": 0.5}})
    assert state_of(tmp_path).load() is None
    assert state_of(tmp_path).stale_states() == [(other.path, {"lr": 0.5})]
    # two fingerprints that begin alike share a file's name, and not the state
    assert state_of(tmp_path, "b" * 16 + "c" * 48).load() is None


def test_a_full_disk_is_named_and_keeps_the_state_before(tmp_path: Path) -> None:
    state = state_of(tmp_path)
    state.save({"config": {"lr": 0.1}, "weights": torch.arange(6.0)})
    with (
        files_of_at_most(20_000),
        pytest.raises(PipelineError, match=rf"{state.path.name}: cannot be written"),
    ):
        state.save({"config": {"lr": 0.1}, "weights": torch.zeros(100_000)})
    loaded = state.load()
    assert loaded is not None and loaded["weights"].tolist() == [0, 1, 2, 3, 4, 5]
    assert [path.name for path in tmp_path.iterdir()] == [state.path.name]


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "another content"])
def test_a_damaged_state_is_named(tmp_path: Path, damage: str) -> None:
    state = state_of(tmp_path)
    state.save({"config": {"lr": 0.1}, "weights": torch.arange(5000.0)})
    whole = state.path.read_bytes()
    if damage == "another content":
        torch.save([1, 2], state.path)
    else:
        state.path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "text": b"no state"}[damage])
    with pytest.raises(PipelineError, match=rf"{state.path.name}: .*damaged; remove it"):
        state.load()
    # another run is not kept from training by it
    assert state_of(tmp_path, "c" * 64).stale_states() == [(state.path, None)]
