"""One machine for all tests of this folder, and services on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.systemd.machine import Machine, why_not
from tests.systemd.service import NAME, UID, Service


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """It is up, and a person is logged in."""
    if reason := why_not():
        pytest.skip(f"SYSTEMD IS NOT PROVED HERE: {reason}")
    made = Machine()
    try:
        made.add_user(NAME, UID)
        made.write("/etc/ssh/ssh_config.d/50-of-the-machine.conf", "Host elsewhere\n  Port 2222\n")
        made.boot()
        made.run("systemctl", "start", f"user@{UID}.service")  # as a login does it
        yield made
    finally:
        made.close()


@pytest.fixture
def service(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A repository of hers, and the unit that it has after `install`."""
    made = Service(machine, request.node.name.removeprefix("test_")[:24])
    yield made
    sys.stdout.write(made.journal())  # shown where the test failed
    made.remove()
