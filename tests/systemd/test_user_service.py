"""A service of a person's own, under a real systemd: it is there after install, crash, hang, stop and reboot."""

from __future__ import annotations

import json

import pytest

from mosaic_daemon.service.files import UNCONFINED
from tests.support.waiting import until
from tests.systemd.machine import Machine
from tests.systemd.service import NAME, UID, Service

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("systemd")]


def test_installed(service: Service) -> None:
    """Ready when `install` returns, at boot without a login, and confined in fact; again: nothing is written."""
    service.orchestrator("service", "install")
    state = service.state()
    assert (state["active"], state["enabled"], state["current"]) == ("active", "enabled", True)
    assert {each["name"]: each["holds"] for each in state["protections"]} == dict.fromkeys(
        (each["name"] for each in state["protections"]), True
    )
    assert service.machine.run("loginctl", "show-user", NAME, "--property=Linger").stdout.strip() == "Linger=yes"
    told = {
        each["name"]: each for each in json.loads(service.orchestrator("doctor", "--json", check=False))["findings"]
    }
    assert told["service"]["detail"] == "user's unit, active, enabled"
    assert "home read-only" in told["protections"]["detail"]
    assert "write " not in service.orchestrator("service", "install")
    service.orchestrator("service", "uninstall")
    assert service.show()["LoadState"] == "not-found"
    assert service.run("ls", f"{service.home}/.config/systemd/user").strip() in ("", "default.target.wants")


def test_protections_that_do_not_hold(service: Service) -> None:
    """As `install` writes it where user namespaces are refused: it starts, and `status` and `doctor` tell the truth."""
    service.be_impatient(also="\n".join(UNCONFINED))
    service.orchestrator("service", "install")
    held = {each["name"]: each["holds"] for each in service.state()["protections"]}
    assert (held["no new privileges"], held["home read-only"], held["system read-only"]) == (True, False, False)
    assert "warn    protection home read-only" in service.orchestrator("doctor", check=False)


def test_killed(service: Service) -> None:
    """kill -9: restarted; the worker, in a unit of its own, goes on and its work lands once."""
    service.orchestrator("service", "install")
    service.enqueue("T-1")
    service.working("T-1.1")
    (unit,) = service.workers()
    before = service.show(unit)
    assert before["Slice"] == "mosaic-workers.slice"
    assert "mosaic-drained.target" in before["Before"]
    service.kill("KILL")
    service.restarted(1)
    after = service.show(unit)
    assert (after["MainPID"], after["ActiveState"]) == (before["MainPID"], "active")
    service.go("T-1")
    service.lands("T-1")
    assert service.starts() == ["T-1.1"]
    until(lambda: service.workers() == [], "the worker's unit to be gone")


def test_what_a_worker_gets(service: Service) -> None:
    """Its environment is in nobody's sight, and the daemon's credentials are not in it; dollar signs are its own."""
    service.write(service.base / "token", "a-token-of-the-forge\n")
    service.run("chmod", "600", str(service.base / "token"))
    service.configure('[runtimes.shell]\npass_env = ["HOUSE_KEY"]\n')
    service.write(service.repo.parent / "env", "")
    service.systemctl("set-environment", "HOUSE_KEY=under-the-mat")
    service.orchestrator("service", "install", "--credential", f"forge-token={service.base / 'token'}")
    dump = service.base / "dump"
    command = f"""env > {dump}.new; echo 'price: $5 ${{x}} $$' >> {dump}.new; mv {dump}.new {dump}; sleep 600"""
    service.orchestrator("enqueue", "T-1", "F-1: look around", "--command", command)
    until(lambda: service.run("cat", str(dump), check=False), "the worker to tell")
    told = service.run("cat", str(dump))
    assert "HOUSE_KEY=under-the-mat" in told
    assert "price: $5 ${x} $$" in told
    assert "CREDENTIALS_DIRECTORY" not in told
    (unit,) = service.workers()
    assert "under-the-mat" not in service.systemctl("show", unit)
    daemon = service.show()["MainPID"]
    assert "CREDENTIALS_DIRECTORY=" in service.run("cat", f"/proc/{daemon}/environ")
    service.systemctl("unset-environment", "HOUSE_KEY")


def test_git_over_ssh(service: Service) -> None:
    """In the unit's user namespace root's files belong to nobody, and ssh refuses them: git is told to do without."""
    service.run("git", "-C", str(service.repo), "remote", "set-url", "origin", f"{NAME}@127.0.0.1:app.git")
    service.orchestrator("service", "install", "--no-start")
    (command,) = [word for word in service.systemctl("cat", service.unit).splitlines() if "GIT_SSH_COMMAND" in word]
    confined = ("systemd-run", "--user", "--wait", "--quiet", "--pipe", "--property=PrivateUsers=yes")
    ask = ("git", "ls-remote", f"{NAME}@127.0.0.1:app.git")
    told = f"--setenv={command.partition('=')[2].strip(chr(34))}"
    assert "Bad owner" in service.machine.run(*confined, *ask, uid=UID, home=service.home, check=False).stderr
    answer = service.machine.run(*confined, told, *ask, uid=UID, home=service.home, check=False).stderr
    assert "Bad owner" not in answer
    assert "Connection refused" in answer


def test_hung(service: Service) -> None:
    """SIGSTOP: the watchdog ends and restarts it, and the worker is adopted."""
    service.be_impatient()
    service.orchestrator("service", "install")
    service.enqueue("T-1")
    service.working("T-1.1")
    service.kill("STOP")
    service.restarted(1)
    service.go("T-1")
    service.lands("T-1")
    assert service.starts() == ["T-1.1"]


def test_stopped(service: Service) -> None:
    """`systemctl stop` waits for what is in flight and starts nothing new."""
    service.orchestrator("service", "install")
    service.enqueue("T-1")
    service.working("T-1.1")
    service.systemctl("stop", "--no-block", service.unit)
    until(lambda: service.show()["ActiveState"] == "deactivating", "the drain")
    service.enqueue("T-2", waits=False)
    service.go("T-1")
    until(lambda: service.show()["ActiveState"] == "inactive", "the stop")
    assert service.show()["Result"] == "success"
    assert (service.landed(), service.starts()) == (["T-1"], ["T-1.1"])


def test_restarted_while_a_worker_takes_long(service: Service) -> None:
    """An upgrade: the worker of the old daemon is alive under the new one, which takes its result."""
    service.be_impatient(drain=1)
    service.orchestrator("service", "install")
    service.enqueue("T-1")
    service.working("T-1.1")
    (unit,) = service.workers()
    pid = service.show(unit)["MainPID"]
    service.systemctl("restart", service.unit)
    assert service.show(unit)["MainPID"] == pid
    service.go("T-1")
    service.lands("T-1")
    assert service.starts() == ["T-1.1"]


def test_a_worker_that_is_killed_as_a_unit(service: Service) -> None:
    """Its whole tree is dead, and its task is done again under a new name."""
    service.orchestrator("service", "install")
    service.enqueue("T-1")
    service.working("T-1.1")
    (unit,) = service.workers()
    service.systemctl("kill", "--signal=KILL", unit)
    service.working("T-1.2")
    service.go("T-1")
    service.lands("T-1")
    assert service.starts() == ["T-1.1", "T-1.2"]


def test_a_wrong_configuration(service: Service) -> None:
    """It is not installed; where it comes later, the unit fails once and is not tried again."""
    service.configure("[run]\npol_sec = 1\n")
    assert (
        "did you mean"
        in service.machine.run(
            "mosaic-orchestrator",
            "service",
            "install",
            "--repo",
            str(service.repo),
            uid=UID,
            home=service.home,
            check=False,
        ).stderr
    )
    assert service.show()["LoadState"] == "not-found"
    service.configure("")
    service.orchestrator("service", "install")
    service.configure("[run]\npol_sec = 1\n")
    service.systemctl("restart", service.unit, check=False)
    until(lambda: service.show()["ActiveState"] == "failed", "the unit to fail")
    shown = service.show()
    assert (shown["ExecMainStatus"], shown["NRestarts"]) == ("78", "0")


def test_rebooted(service: Service, machine: Machine) -> None:
    """Nobody logs in: it is there again, and what the reboot cut off is done again, once."""
    service.be_impatient(drain=1)
    service.orchestrator("service", "install")
    service.enqueue("T-1")
    service.enqueue("T-2", waits=False)
    service.lands("T-2")
    service.working("T-1.1")
    machine.off()
    machine.boot()
    until(lambda: machine.run("test", "-d", f"/run/user/{UID}", check=False).returncode == 0, "her manager")
    service.working("T-1.2")
    service.go("T-1")
    service.lands("T-1")
    assert service.starts().count("T-1.2") == 1
    assert service.landed() == ["T-1", "T-2"]
