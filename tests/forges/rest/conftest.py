"""`bench`: a forge that speaks one dialect's HTTP, and the dialect under test in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from mosaic_daemon.forges.rest import github
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


MAKERS = {"github": _github}
DIALECTS = ["github"]

MakeBench = Callable[..., Bench]


@pytest.fixture
async def make_bench(make_fake: Callable[[str], Fake]) -> AsyncIterator[MakeBench]:
    """`make_bench("github", token="other")`; without a token it is the good one."""
    benches: list[Bench] = []

    def make(dialect: str, token: str = "") -> Bench:
        fake, time = make_fake(dialect), OwnTime()
        forge, transport = MAKERS[dialect](fake, time, token or fake.token)
        benches.append(Bench(fake, forge, transport, time))
        return benches[-1]

    yield make
    for bench in benches:
        await bench.transport.aclose()


@pytest.fixture(params=DIALECTS)
def bench(request: pytest.FixtureRequest, make_bench: MakeBench) -> Bench:
    return make_bench(request.param)
