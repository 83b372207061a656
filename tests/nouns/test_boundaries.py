"""The guide's "Orchestrator Boundaries": which path is whose, in every spelling."""

from __future__ import annotations

import pytest

from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.nouns.boundaries import CI_PATHS, OWN_PATHS, Leave, check_own, trespass

WORKERS = ["src/a.py", "docs/guide.md", "docs/PRD.md", ".gitignore", "ci/build.sh", "x/.github/workflows/ci.yml"]
WORKERS += ["docs/TASKS.md.txt", "docs/tasks.md", ".github/CODEOWNERS", "Jenkinsfile.md", ".mosaic2/x", "tasks/x"]
GUARDED = ["docs/TASKS.md", "docs/tasks/plan.json", ".mosaic/x", ".mosaic/orchestrator/tasks.json"]
GUARDED += [place + "x.yml" if place.endswith("/") else place for place in CI_PATHS]
GUARDED += [".mosaic", ".github", ".circleci"]  # a link where the folder has to be


@pytest.mark.parametrize("path", WORKERS)
def test_what_a_worker_may_change(path: str) -> None:
    assert trespass([path], Leave()) == ""


@pytest.mark.parametrize("path", GUARDED)
def test_what_a_worker_needs_leave_for(path: str) -> None:
    """It is named, with the reason and the way to get leave."""
    said = trespass(["src/a.py", path], Leave())
    assert f" {path} (" in said
    assert "src/a.py" not in said
    assert "worker.may_change" in said


LEAVE = {
    "the file": (".github/workflows/ci.yml", Leave(files=(".github/workflows/ci.yml",)), True),
    "another file": (".github/workflows/ci.yml", Leave(files=(".github/workflows/release.yml",)), False),
    "its folder": (".github/workflows/ci.yml", Leave(files=(".github/workflows",)), True),
    "a folder in it": (".mosaic/a/b", Leave(files=(".mosaic/a/",)), True),
    "a folder above it": (".github/workflows/ci.yml", Leave(files=(".github",)), False),
    "a name that it begins with": ("docs/tasks/plan.json", Leave(files=("docs/tasks/plan",)), False),
    "a pattern": (".gitea/workflows/a.yml", Leave(patterns=(".gitea/*.yml",)), True),
    "another pattern": (".gitea/workflows/a.yml", Leave(patterns=("gitea/*",)), False),
    "the table by name": ("docs/TASKS.md", Leave(files=("docs/TASKS.md",)), True),
    "the table by setting": ("docs/TASKS.md", Leave(patterns=("docs/TASKS.md",)), True),
    "the table by folder": ("docs/TASKS.md", Leave(files=("docs", "docs/")), False),
    "the table by pattern": ("docs/TASKS.md", Leave(patterns=("docs/*", "*")), False),
    "the queue never": (".mosaic/orchestrator/tasks.json", Leave((".mosaic/orchestrator/tasks.json",), ("*",)), False),
}


@pytest.mark.parametrize("name", LEAVE)
def test_leave(name: str) -> None:
    path, leave, given = LEAVE[name]
    assert (trespass([path], leave) == "") is given


def test_many_are_told_short() -> None:
    """By reason, the first few of each."""
    said = trespass([f".circleci/{number}.yml" for number in range(40)] + ["docs/TASKS.md"], Leave())
    assert "and 35 more (it decides what is checked before a merge)" in said
    assert "docs/TASKS.md (only the orchestrator writes it)" in said
    assert len(said) < 400


def test_all_that_the_orchestrator_commits() -> None:
    check_own({place + "x" if place.endswith("/") else place: b"" for place in OWN_PATHS})


FOREIGN = ["src/a.py", "docs/guide.md", "docs/TASKS.md/x", "docs/PRD.txt", "a/docs/TASKS.md", "", "/docs/tasks/x"]
FOREIGN += ["docs/tasks/", "docs/tasks/../../a.py", "docs/tasks/./x", "docs//tasks/x", ".gitignore/x", "DOCS/TASKS.md"]


@pytest.mark.parametrize("path", FOREIGN)
def test_what_it_never_commits(path: str) -> None:
    """Also not beside what it may."""
    with pytest.raises(Refused, match="only its own files"):
        check_own({"docs/TASKS.md": b"", path: b""})
