"""A repository on a machine and the unit that serves it, driven and read as its owner would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mosaic_daemon.service.manager import instance
from tests.support import worker
from tests.support.waiting import until
from tests.systemd.machine import Machine

NAME, UID = "dev", 4711
PROGRAM = "mosaic-orchestrator"
_MAKE = """
set -e
mkdir -p {base}/app
cd {base}/app
git init -q -b main
git config user.name Ada
git config user.email ada@example.org
echo hello > README.md
git add README.md
git commit -q -m start
git init -q --bare -b main ../origin.git
git remote add origin ../origin.git
git push -q -u origin main
mkdir -m 700 -p .mosaic/orchestrator
"""
#: What a person may put beside the unit: shorter waits than on a machine that does more than test.
IMPATIENT = """[Service]
WatchdogSec=4
ExecStop=
ExecStop=-/usr/bin/env mosaic-orchestrator drain --repo %f --timeout {drain}
"""


class Service:
    """Attributes:
    base: the folder of this repository and its origin, as the machine sees it.
    unit: the name of its unit.
    """

    def __init__(self, machine: Machine, name: str, *, uid: int = UID, home: str = f"/home/{NAME}") -> None:
        self.machine = machine
        self.uid, self.home = uid, home
        self.base = Path(home) / name
        self.repo = self.base / "app"
        self.unit = instance(self.repo)
        self.is_system = uid == 0
        self.run("bash", "-c", _MAKE.format(base=self.base))
        self.configure('[gate]\nci_command = ["test", "-f", "README.md"]\n[run]\npoll_sec = 1\ngrace_sec = 1\n')

    def run(self, *argv: str, check: bool = True, stdin: str = "") -> str:
        """A command of hers; what it prints."""
        return self.machine.run(*argv, uid=self.uid, home=self.home, check=check, stdin=stdin).stdout

    def orchestrator(self, *words: str, check: bool = True) -> str:
        return self.run(PROGRAM, *words, "--repo", str(self.repo), check=check)

    def systemctl(self, *words: str, check: bool = True) -> str:
        if self.is_system:
            return self.machine.run("systemctl", *words, check=check).stdout
        return self.run("systemctl", "--user", *words, check=check)

    def write(self, path: Path, text: str) -> None:
        self.run("bash", "-c", 'mkdir -p "${0%/*}"; cat > "$0"', str(path), stdin=text)

    def configure(self, text: str) -> None:
        self.write(self.repo / ".mosaic/orchestrator/config.toml", text)

    def be_impatient(self, drain: int = 30, also: str = "") -> None:
        """Before `install`: do not wait as long as the unit does by itself."""
        folder = "/etc/systemd/system" if self.is_system else f"{self.home}/.config/systemd/user"
        self.write(Path(folder) / f"{self.unit}.d" / "20-mine.conf", IMPATIENT.format(drain=drain) + also)

    # --- the work -----------------------------------------------------------------------------------------------------

    def flag(self, name: str) -> Path:
        return self.base / f"go-{name}"

    def enqueue(self, name: str, *, waits: bool = True) -> None:
        """A task whose worker notes its start, waits for its flag and commits."""
        steps = [worker.noting(self.repo / ".mosaic" / "starts")]
        steps += [worker.waiting(self.flag(name))] if waits else []
        steps += [worker.writing({f"{name}.txt": name}), worker.COMMIT, worker.RESULT]
        self.orchestrator("enqueue", name, f"F-{name}: a change", "--command", worker.script(*steps))

    def go(self, name: str) -> None:
        self.run("touch", str(self.flag(name)))

    def starts(self) -> list[str]:
        """The attempts whose workers ran, one line a start."""
        return self.run("cat", str(self.repo / ".mosaic" / "starts"), check=False).split()

    def working(self, attempt: str) -> None:
        until(lambda: attempt in self.starts(), f"the worker of {attempt} to run")

    def landed(self) -> list[str]:
        """The tasks that landed, as the origin says."""
        files = self.run("git", "-C", str(self.base / "origin.git"), "ls-tree", "--name-only", "main").split()
        return sorted(file.removesuffix(".txt") for file in files if file.endswith(".txt"))

    def lands(self, name: str) -> None:
        until(lambda: name in self.landed(), f"{name} to land")

    # --- the unit -----------------------------------------------------------------------------------------------------

    def show(self, unit: str = "") -> dict[str, str]:
        """What the manager says of it."""
        lines = self.systemctl("show", unit or self.unit).splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def state(self) -> dict[str, Any]:
        """What `service status` says of it."""
        words = ("--system",) if self.is_system else ()
        found: dict[str, Any] = json.loads(self.orchestrator("service", "status", "--json", *words, check=False))
        return found

    def kill(self, signal: str) -> None:
        """To the daemon alone."""
        self.systemctl("kill", "--kill-who=main", f"--signal={signal}", self.unit)

    def restarted(self, times: int) -> None:
        until(lambda: self._is_up_after(times), f"the daemon to be restarted {times} times")

    def _is_up_after(self, times: int) -> bool:
        shown = self.show()
        return (int(shown["NRestarts"]), shown["ActiveState"]) == (times, "active")

    def workers(self) -> list[str]:
        """The units of workers that run."""
        listed = self.systemctl("list-units", "--plain", "--no-legend", "--state=active", "mosaic-*-*.service")
        return [line.split()[0] for line in listed.splitlines() if "@" not in line.split()[0]]

    def journal(self) -> str:
        """What everybody said of late."""
        return self.machine.run("journalctl", "--no-pager", "--lines=80", "--output=short-monotonic").stdout

    def remove(self) -> None:
        """At the end of a test, however it went."""
        words = ("--system",) if self.is_system else ()
        self.uid = 0 if self.is_system else self.uid
        self.systemctl("kill", "--signal=KILL", self.unit, check=False)
        self.orchestrator("service", "uninstall", *words, check=False)
        self.systemctl("stop", "mosaic-*-*.service", check=False)
