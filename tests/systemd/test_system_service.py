"""A service of the machine's own, as an account that nobody logs in to."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.support.waiting import until
from tests.systemd.machine import Machine
from tests.systemd.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("systemd")]


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    made = Service(machine, "machine-service", uid=0, home="/srv")
    yield made
    sys.stdout.write(made.journal())  # shown where the test failed
    made.remove()


def test_installed_killed_and_stopped(service: Service) -> None:
    """Its account is made; it is confined, its worker with it; both outlive what the user's ones outlive."""
    service.be_impatient()
    service.orchestrator("service", "install", "--system", "--no-start")
    service.run("chown", "-R", "mosaic:", str(service.base))
    service.run("git", "config", "--system", "--add", "safe.directory", "*")
    service.uid = int(service.run("id", "-u", "mosaic"))
    service.systemctl("start", service.unit)
    state = service.state()
    assert (state["active"], state["enabled"], state["current"]) == ("active", "enabled", True)
    assert [each["name"] for each in state["protections"] if not each["holds"]] == ["home read-only"]
    service.enqueue("T-1")
    service.working("T-1.1")
    service.kill("KILL")
    service.restarted(1)
    service.kill("STOP")
    service.restarted(2)
    service.systemctl("stop", "--no-block", service.unit)
    until(lambda: service.show()["ActiveState"] == "deactivating", "the drain")
    service.go("T-1")
    until(lambda: service.show()["ActiveState"] == "inactive", "the stop")
    assert service.landed() == ["T-1"]
    assert service.starts() == ["T-1.1"]
