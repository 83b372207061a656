"""Repositories and daemons of this suite, and repositories whose origin belongs to a forge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.forges.fakes.fake import Fake, enterprise
from tests.forges.fakes.fixtures import DIALECTS as FAKES
from tests.support.fixtures import repo, start
from tests.support.processes import sweep
from tests.support.repo import Repo

__all__ = ["repo", "start"]

DIALECTS = tuple(FAKES)


@dataclass
class OnForge:
    """A repository and the forge that its origin belongs to."""

    repo: Repo
    fake: Fake

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, dialect: str) -> Iterator[Self]:
        repository = Repo(folder)
        assert repository.origin is not None
        kind = enterprise(FAKES[dialect]) if dialect == "github" else FAKES[dialect]
        token = folder / "token"
        token.touch(mode=0o600)
        with Fake(kind, repository.origin) as fake:
            token.write_text(fake.token)
            provider = "gitea" if dialect == "forgejo" else dialect
            repository.configure(
                f'[forge]\nprovider = "{provider}"\nurl = "{fake.url}"\nrepo = "{fake.repo}"\n'
                f'token_file = "{token}"\npoll_sec = 0.1\n[gate]\nfirst_run_sec = 5\n'
            )
            try:
                yield cls(repository, fake)
            finally:
                sweep(repository.root)

    def held(self, task: str, word: str) -> bool:
        """Whether this task's gate was held for a reason with this word."""
        return any(word in held.body["hold"]["reason"] for held in self.repo.events("gate-held", task))
