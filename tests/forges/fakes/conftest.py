"""A forge, and a client on its road."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.forges.fakes.fake import Fake
from tests.forges.fakes.fixtures import make_fake
from tests.forges.fakes.roads import Road, road

__all__ = ["make_fake"]


@pytest.fixture(params=["github", "gitea", "forgejo", "gitlab"])
def fake(request: pytest.FixtureRequest, make_fake: Callable[[str], Fake]) -> Fake:
    return make_fake(str(request.param))


@pytest.fixture
def client(fake: Fake) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fake.api, headers={"Authorization": f"Bearer {fake.token}"}) as client:
        yield client


@pytest.fixture
def way(fake: Fake, client: httpx.Client) -> Road:
    return road(fake, client)
