"""The documents: links resolve, named paths exist, pages stay short, and records stay in the notebook."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

MANUAL = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "labels/guide.md",
    ROOT / "benchmarks/README.md",
]
PAGES = [
    *MANUAL,
    ROOT / "CHANGELOG.md",
    ROOT / "weights/README.md",
    *sorted((ROOT / "docs/notebook").glob("*.md")),
]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:pipeline|stages|tests|docs|labels|benchmarks|tools|params)/[\w./*-]+)`")
MADE = ("labels/voc",)  # by people or the pipeline, so not part of the repository
EXAMPLES = ("pipeline/losses/consistency.py",)  # what docs/extending.md adds


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_resolve(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page_id(page)}: {link}"
        assert not anchor or anchor in anchors(target), f"{page_id(page)}: {link}"


@pytest.mark.parametrize("page", MANUAL, ids=page_id)
def test_paths_that_the_manual_names_exist(page: Path) -> None:
    for path in PATH.findall(page.read_text(encoding="utf-8")):
        assert path in EXAMPLES or path.startswith(MADE) or list(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", MANUAL, ids=page_id)
def test_a_page_of_the_manual_is_short_and_holds_no_records(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.split()) <= 1300
    assert not re.search(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7}\b", text), "a commit hash"
    assert not re.search(r"\b(EPYC|Xeon|H100|A100)\b", text), "a machine"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_every_notebook_page_is_dated_and_listed() -> None:
    index = (ROOT / "docs/notebook/README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs/notebook").glob("*.md") if page.name != "README.md"]
    assert pages and all(re.match(r"20\d\d-\d\d-\d\d-", page) and f"({page})" in index for page in pages)


def test_make_without_a_target_lists_the_targets() -> None:
    printed = subprocess.run(["make", "-s"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = {line.split()[1] for line in printed.splitlines()}
    assert targets == {"help", "repro", "test", "lint", "install", "bench"}
