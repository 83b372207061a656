"""A small machine: systemd as process 1 in namespaces, over a copy-on-write view of the file system of this one.

What runs in it is the real systemd, journal, D-Bus and login manager, and this source with its environment. Nothing
of it is seen outside but its folder in memory.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

from tests.support.waiting import until

SYSTEMD = Path("/lib/systemd/systemd")
_BOOT = Path(__file__).with_name("boot.sh")
_SOURCE = Path(__file__).parents[2]
_NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--net", "--cgroup")
_ENTER = ("-m", "-p", "-i", "-u", "-n", "-C", "-r", "-w")
_PROGRAMS = ("unshare", "nsenter", "pivot_root", "ip", "systemctl", "loginctl", "dbus-daemon")
_SECONDS = 60
#: Units that touch the hardware or the kernel of this machine, or have nothing to do with it.
_MASKED = (
    *(
        "systemd-sysctl.service",
        "systemd-modules-load.service",
        "systemd-udevd.service",
        "systemd-udev-trigger.service",
    ),
    *("systemd-random-seed.service", "systemd-timesyncd.service", "dev-hugepages.mount", "sys-kernel-debug.mount"),
    *("sys-kernel-tracing.mount", "e2scrub_reap.service", "apparmor.service"),
)
_TARGET = """\
[Unit]
Description=what the tests need
Requires=dbus.socket systemd-journald.service systemd-logind.service systemd-user-sessions.service
After=dbus.socket systemd-journald.service systemd-logind.service systemd-user-sessions.service
AllowIsolate=yes
"""


def why_not() -> str:
    """Why no machine can be made here; empty when it can be tried."""
    if os.geteuid() != 0:
        return "only root can make one"
    missing = [
        name for name in ("unshare", "nsenter", "pivot_root", "systemctl", "dbus-daemon") if not shutil.which(name)
    ]
    if missing or not SYSTEMD.exists():
        return f"not installed: {', '.join(missing) or SYSTEMD}"
    argv = ["unshare", *_NAMESPACES, "true"]
    tried = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"the kernel refuses namespaces: {tried.stderr.strip()}"


class Machine:
    """Made with `boot`; `close` removes everything.

    Attributes:
        folder: where its changes are kept, in memory.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir="/dev/shm"))
        self._up = self.folder / "up"
        for name in ("up", "work", "root"):
            (self.folder / name).mkdir(mode=0o755)
        self._group = _cgroup() / f"machine-{os.getpid()}-{self.folder.name}"
        self._outer: subprocess.Popen[bytes] | None = None
        self._first = 0
        self._prepare()

    # --- before it runs ---------------------------------------------------------------------------------------------

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file as the machine sees it; only while it is off."""
        file = self._up / path.lstrip("/")
        self._folders(file.parent)
        file.write_text(text)
        file.chmod(mode)

    def add_user(self, name: str, uid: int) -> None:
        """A person with a home; only while it is off."""
        for file, line in (
            ("/etc/passwd", f"{name}:x:{uid}:{uid}::/home/{name}:/bin/bash"),
            ("/etc/group", f"{name}:x:{uid}:"),
            ("/etc/shadow", f"{name}:!:19000:0:99999:7:::"),
        ):
            self.write(file, f"{Path(file).read_text().rstrip()}\n{line}\n", 0o640 if file == "/etc/shadow" else 0o644)
        home = self._up / "home" / name
        self._folders(home)
        home.chmod(0o700)
        os.chown(home, uid, uid)

    def _prepare(self) -> None:
        self.write("/etc/machine-id", f"{uuid.uuid4().hex}\n")
        self.write("/etc/systemd/system/small.target", _TARGET)
        self.write("/etc/tmpfiles.d/tmp.conf", "")  # it would empty /tmp, where this source may be
        for unit in _MASKED:
            self._folders(self._up / "etc/systemd/system")
            (self._up / "etc/systemd/system" / unit).symlink_to("/dev/null")
        # Nobody but root may enter root's home, where this interpreter may live.
        for place in (_SOURCE, Path(sys.prefix), Path(sys.base_prefix)):
            for folder in (place, *place.parents):
                if folder != Path("/") and not folder.stat().st_mode & 0o001:
                    self._folders(self._up / str(folder).lstrip("/"))
                    (self._up / str(folder).lstrip("/")).chmod(0o711)

    def _folders(self, folder: Path) -> None:
        """Like `mkdir -p`, each with the mode that it has below, as it hides that one."""
        for each in reversed((folder, *folder.parents)):
            if each.is_relative_to(self._up) and not each.exists():
                each.mkdir()
                below = Path("/") / each.relative_to(self._up)
                each.chmod(below.stat().st_mode & 0o7777 if below.exists() else 0o755)

    # --- running ----------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start it and wait until it is up; again after `off`: a reboot."""
        self._group.mkdir(exist_ok=True)
        trees = [str(tree) for tree in (_SOURCE, Path(sys.prefix), Path(sys.base_prefix)) if _is_elsewhere(tree)]
        join = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        argv = ["bash", "-c", join, str(self._group), "unshare", *_NAMESPACES, "--propagation", "private"]
        boot = ["bash", str(_BOOT), str(self.folder), str(uuid.uuid4()), *trees]
        with (self.folder / "console").open("ab") as console:
            self._outer = subprocess.Popen(
                [*argv, *boot], stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        until(self._is_up, "systemd to be up", patience_sec=_SECONDS)

    def _is_up(self) -> bool:
        assert self._outer is not None
        assert self._outer.poll() is None, f"the machine is gone\n{self.console()[-4000:]}"
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        if not children:
            return False
        self._first = int(children[0])
        if Path(f"/proc/{self._first}/comm").read_text().strip() != "systemd":
            return False
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def console(self) -> str:
        return (self.folder / "console").read_text(errors="replace")

    def run(
        self, *argv: str, uid: int = 0, home: str = "/root", check: bool = True, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """A command in the machine, as a user who is logged in."""
        identity = ("--setgid", str(uid), "--setuid", str(uid)) if uid else ()
        clean = {
            "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": home,
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": f"/run/user/{uid}",
        }
        done = subprocess.run(
            ["nsenter", "-t", str(self._first), *_ENTER, *identity, *argv],
            env=clean,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def off(self) -> None:
        """Shut it down as a person does, and wait until it is gone."""
        assert self._outer is not None
        self.run("systemctl", "poweroff", check=False)
        self._outer.wait(_SECONDS)
        self._outer = None

    def close(self) -> None:
        if self._outer is not None:
            with suppress(ProcessLookupError):
                os.kill(self._first or self._outer.pid, signal.SIGKILL)
            self._outer.kill()
            self._outer.wait()
        until(lambda: _removed(self._group), "its control groups to go")
        shutil.rmtree(self.folder, ignore_errors=True)


def _cgroup() -> Path:
    """Where the second version of control groups is mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return Path(fields[1])
    raise AssertionError("control groups of version 2 are not mounted")


def _removed(group: Path) -> bool:
    folders = [Path(name) for name, _, _ in os.walk(group, topdown=False)]
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
    return not group.exists()


def _is_elsewhere(tree: Path) -> bool:
    """Whether it is on another file system than `/`, which the machine would not see."""
    return tree.stat().st_dev != Path("/").stat().st_dev
