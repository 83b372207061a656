"""`bench`: a forge that speaks one dialect's HTTP, and the dialect under test in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from mosaic_daemon.forges.rest import gitea, github, gitlab
from mosaic_daemon.forges.rest.hosting import Hosting
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.ground.secrets import Secret
from tests.forges.fakes.fake import Fake
from tests.forges.fakes.fixtures import make_fake
from tests.forges.rest.loopback import OwnTime

__all__ = ["make_fake"]


@dataclass
class Bench:
    fake: Fake
    forge: Hosting
    transport: Transport
    time: OwnTime

    def change(self, branch: str = "task/t-1", **files: str) -> str:
        """A branch with one commit of its own; its head."""
        return self.fake.push(branch, {"new.txt": "new\n", **files})


def _github(fake: Fake, time: OwnTime, token: str) -> tuple[Hosting, Transport]:
    transport = Transport(github.host(fake.api, Secret(token)), time.timing())
    return github.GitHub(transport, fake.repo), transport


def _gitea(fake: Fake, time: OwnTime, token: str) -> tuple[Hosting, Transport]:
    transport = Transport(gitea.host(fake.api, Secret(token)), time.timing())
    return gitea.Gitea(transport, fake.repo), transport


def _gitlab(fake: Fake, time: OwnTime, token: str) -> tuple[Hosting, Transport]:
    transport = Transport(gitlab.host(fake.api, Secret(token)), time.timing())
    return gitlab.GitLab(transport, fake.repo), transport


MAKERS = {"github": _github, "gitea": _gitea, "forgejo": _gitea, "gitlab": _gitlab}
DIALECTS = list(MAKERS)

MakeBench = Callable[..., Bench]


@pytest.fixture
async def make_bench(make_fake: Callable[[str], Fake]) -> AsyncIterator[MakeBench]:
    """`make_bench("github")`, or `make_bench(fake, token="other")` for one more client of the same forge."""
    benches: list[Bench] = []

    def make(forge_of: str | Fake, token: str = "") -> Bench:
        fake, time = make_fake(forge_of) if isinstance(forge_of, str) else forge_of, OwnTime()
        forge, transport = MAKERS[fake.dialect.name](fake, time, token or fake.token)
        benches.append(Bench(fake, forge, transport, time))
        return benches[-1]

    yield make
    for bench in benches:
        await bench.forge.aclose()


@pytest.fixture(params=DIALECTS)
def bench(request: pytest.FixtureRequest, make_bench: MakeBench) -> Bench:
    return make_bench(request.param)
