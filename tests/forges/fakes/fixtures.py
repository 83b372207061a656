"""Fixtures for tests that talk to a fake forge: import what you need into a conftest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.forges.fakes.dialect import Dialect
from tests.forges.fakes.fake import Fake
from tests.forges.fakes.gitea import FORGEJO, GITEA
from tests.forges.fakes.github import GITHUB
from tests.forges.fakes.gitlab import GITLAB
from tests.support.repo import git

DIALECTS: dict[str, Dialect] = {each.name: each for each in (GITHUB, GITEA, FORGEJO, GITLAB)}


def bare_origin(folder: Path) -> Path:
    """An empty bare repository."""
    path = folder / "origin.git"
    path.mkdir()
    git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    return path


@pytest.fixture
def make_fake(tmp_path: Path) -> Iterator[Callable[[str], Fake]]:
    """`make_fake("github")`: a forge over a fresh origin; at the end every request must have been a described one."""
    with ExitStack() as stack:

        def make(name: str) -> Fake:
            folder = tmp_path / f"forge-{name}"
            folder.mkdir(exist_ok=True)
            origin = folder / "origin.git" if (folder / "origin.git").exists() else bare_origin(folder)
            fake = stack.enter_context(Fake(DIALECTS[name], origin))
            if fake.core.origin.branch("main") is None:
                fake.push("main", {"README.md": "A widget.\n"}, message="The beginning")
            return fake

        yield make
