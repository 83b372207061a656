"""Fixtures for tests that talk to a fake forge: import what you need into a conftest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.forges.fakes.dialect import Dialect
from tests.forges.fakes.fake import Fake
from tests.forges.fakes.gitea import FORGEJO, GITEA
from tests.forges.fakes.github import GITHUB
from tests.forges.fakes.gitlab import GITLAB
from tests.forges.fakes.origin import Origin
from tests.support.repo import git

DIALECTS: dict[str, Dialect] = {each.name: each for each in (GITHUB, GITEA, FORGEJO, GITLAB)}


def bare_origin(folder: Path) -> Path:
    """An empty bare repository."""
    path = folder / "origin.git"
    path.mkdir()
    git(path, "init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    return path


@pytest.fixture
def make_fake(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Fake]]:
    """`make_fake("github")`: a forge over a fresh origin; at the end every request must have been a described one."""
    with ExitStack() as stack:

        def make(name: str) -> Fake:
            beginning = tmp_path_factory.getbasetemp() / "origin.git"
            if not beginning.exists():
                Origin(bare_origin(beginning.parent)).push("main", {"README.md": "A widget.\n"}, "The beginning")
            origin = shutil.copytree(beginning, tmp_path / f"{name}-origin.git")
            return stack.enter_context(Fake(DIALECTS[name], origin))

        yield make
