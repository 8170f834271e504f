"""The pipeline under real DVC: what reruns and what does not, experiments, push and pull.

One repository of a tiny world is reproduced once for the whole module; each test leaves it as it was.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.repository import ALL, Repository, copy_of_the_tree, stages_run

PROPOSED = {"plan", "train@proposed-1", "evaluate@proposed-1", "report"}  # what loss.similarity touches

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, str]:
    """A copy of the tracked tree with a tiny world, reproduced and committed, and what DVC printed."""
    repository = copy_of_the_tree(tmp_path_factory.mktemp("dvc"))
    printed = repository.run("dvc", "repro")
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-q", "-m", "Results")
    return repository, printed


@pytest.fixture
def repository(reproduced: tuple[Repository, str]) -> Iterator[Repository]:
    """The reproduced repository; changes to it are undone afterwards."""
    repository, _ = reproduced
    yield repository
    repository.run("git", "reset", "-q", "--hard")
    repository.run("dvc", "checkout", "-q", "--force")


def test_repro_runs_all_stages_and_leaves_the_results(reproduced: tuple[Repository, str]) -> None:
    repository, printed = reproduced
    assert stages_run(printed) == ALL
    for variant in ("baseline", "proposed"):
        metrics = repository.json(f"metrics/{variant}-1.json")
        assert {"miou", "fscore", "swapped_miou"} <= set(metrics)
        assert all(0 <= metrics[key] <= 1 for key in ("miou", "fscore", "swapped_miou"))
    page = (repository.root / "reports/index.html").read_text(encoding="utf-8")
    assert "baseline" in page and "proposed" in page
    assert repository.json("metrics/summary.json")


def test_features_say_of_which_clips_and_categories_they_are(repository: Repository) -> None:
    catalog = pd.read_parquet(repository.root / "data/catalog.parquet")
    category = dict(zip(catalog["name"], catalog["category"], strict=True))
    train = catalog["name"][catalog["split"] == "train"].tolist()
    files = sorted((repository.root / "data/eval/proposed-1").glob("features-*.npz"))
    assert len(files) == 2
    for file in files:
        with np.load(file) as stored:
            assert stored["audio_clip"].tolist() == train
            for kind in ("", "audio_"):
                clips = stored[f"{kind}clip"].tolist()
                assert stored[f"{kind}category"].tolist() == [category[clip] for clip in clips]


def test_results_are_in_git_and_data_are_not(repository: Repository) -> None:
    tracked = repository.run("git", "ls-files").splitlines()
    assert {"dvc.lock", "metrics/summary.json", "metrics/baseline-1.json", "labels/boxes.csv"} <= set(tracked)
    assert not [name for name in tracked if name.startswith(("data/", "models/", "logs/", "reports/"))]
    assert repository.run("git", "status", "--porcelain") == ""


def test_second_repro_runs_nothing(repository: Repository) -> None:
    # Python's caches came into folders that stages depend on, and are none of their business
    assert list((repository.root / "pipeline/model/__pycache__").glob("*.pyc"))
    assert (repository.root / "pipeline/demo/__pycache__").exists()
    printed = repository.run("dvc", "repro")
    assert stages_run(printed) == set(), printed
    assert "up to date" in printed


def test_unknown_key_fails_at_once_and_is_named(repository: Repository) -> None:
    repository.edit("loss", similarty=0.9)
    done = repository.call("dvc", "repro")
    assert done.returncode != 0
    assert "loss.similarty: unknown key" in done.stdout
    assert "Traceback" not in done.stdout
    assert stages_run(done.stdout) == {"plan"}


def test_unknown_key_of_an_experiment_is_named(repository: Repository) -> None:
    done = repository.call("dvc", "exp", "run", "-S", "loss.similarty=0.9")
    assert done.returncode != 0
    assert "similarty" in done.stdout
    assert stages_run(done.stdout) == set()


def test_a_loss_of_the_proposed_variant_reruns_that_variant_alone(repository: Repository) -> None:
    before = repository.json("metrics/baseline-1.json")
    repository.edit("loss", similarity=0.2)
    assert stages_run(repository.run("dvc", "repro")) == PROPOSED
    assert repository.json("metrics/baseline-1.json") == before


def test_experiments_run_here_and_from_the_queue(repository: Repository) -> None:
    printed = repository.run("dvc", "exp", "run", "-n", "here", "-S", "loss.similarity=0.9")
    assert stages_run(printed) == PROPOSED

    printed = repository.run("dvc", "exp", "run", "--queue", "-S", "loss.similarity=0.1,0.3")
    queued = re.findall(r"Queued experiment '([^']+)'", printed)
    assert len(queued) == 2, printed
    repository.run("dvc", "queue", "remove", queued[1])  # running one of them shows as much as two
    repository.run("dvc", "exp", "run", "--run-all", "-j", "1")

    rows = {row["Experiment"]: row for row in repository.experiments() if row["Experiment"]}
    for name, value in (("here", 0.9), (queued[0], 0.1)):
        row = rows[name]
        assert row["State"] != "Failed", row
        assert float(row["loss.similarity"]) == value
        miou = [row[key] for key in row if key.endswith("proposed-1.json:miou")]
        assert len(miou) == 1 and 0 <= float(miou[0]) <= 1, row


def test_an_experiment_in_a_folder_of_its_own_is_given_the_weights_that_are_named(
    repository: Repository,
) -> None:
    start = repository.root / "weights" / "start.pt"
    shutil.copy(repository.root / "models/baseline-1/best.pt", start)
    asked = ("dvc", "exp", "run", "--temp", "-S", "model.initial=weights/start.pt")
    try:
        without = repository.call(*asked, "plan")
        assert without.returncode != 0 and "weights/start.pt" in without.stdout
        assert "plan" in stages_run(repository.run(*asked, "-C", "weights/start.pt", "plan"))
    finally:
        start.unlink()


def test_push_then_pull_in_a_fresh_clone_reproduces_nothing(repository: Repository, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    repository.run("dvc", "remote", "add", "-f", "--local", "-d", "here", str(remote))
    repository.run("dvc", "push", "-q")
    repository.run("git", "clone", "-q", str(repository.root), str(tmp_path / "clone"))

    clone = Repository(tmp_path / "clone", tmp_path / "home")
    clone.run("dvc", "remote", "add", "--local", "-d", "here", str(remote))
    clone.run("dvc", "pull", "-q")
    assert (clone.root / "reports/index.html").exists()
    printed = clone.run("dvc", "repro")
    assert stages_run(printed) == set(), printed
    assert clone.run("git", "status", "--porcelain") == ""
